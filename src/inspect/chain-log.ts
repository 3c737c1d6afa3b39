import { imageFileName } from '../image/catalogue.js';
import type { PagemapEntry } from '../image/generated/messages.js';
import { readRuns } from '../image/pagemap.js';
import { PE } from '../image/vma-status.js';
import type { Checkpoint } from './checkpoint.js';
import { dumpStats } from './overview/dump-stats.js';
import { identity } from './overview/identity.js';
import { TolerantImages } from './tolerant-images.js';

/** Memory by where a set has it, in bytes. */
export interface StepBytes {
  /** In its own images of pages. */
  readonly writtenBytes: number;
  /** Left to the set before it. */
  readonly inParentBytes: number;
}

/** What a set has of one process. */
export interface StepProcess extends StepBytes {
  readonly pid: number;
  /** Its name, of this set or the next one that knows it: a pre-dump has none. */
  readonly comm: string | undefined;
}

/** One set of a chain. */
export interface ChainStep extends StepBytes {
  /** The directory, or what the archive calls it. */
  readonly path: string;
  /** ISO 8601; where the images tell. */
  readonly dumpedAt: string | undefined;
  /** Since the set before it, in seconds; where both tell, by the uptime or else by the clock of the machine. */
  readonly sinceSec: number | undefined;
  /** What was written to between the two: bytes of pages in a second. */
  readonly dirtyBytesPerSec: number | undefined;
  /** How long the processes stood still, in seconds. */
  readonly frozenSec: number | undefined;
  readonly processes: readonly StepProcess[];
  /** Shared memory and memfds. */
  readonly shared: StepBytes;
}

/** A set and all those that it needs. */
export interface ChainLog {
  /** The oldest first. */
  readonly steps: readonly ChainStep[];
  /** Bytes of pages of all sets together. */
  readonly chainBytes: number;
  /** Of the set that `flatten` would make of them. */
  readonly flatBytes: number;
  /** What is missing or damaged. */
  readonly problems: readonly string[];
}

const NOTHING: StepBytes = { writtenBytes: 0, inParentBytes: 0 };

const plus = (a: StepBytes, b: StepBytes): StepBytes => ({
  writtenBytes: a.writtenBytes + b.writtenBytes,
  inParentBytes: a.inParentBytes + b.inParentBytes,
});

/** The pages of one pagemap, up to where it is damaged. */
function pagesOf(images: TolerantImages, type: 'PAGEMAP' | 'SHMEM_PAGEMAP', id: number): StepBytes {
  let [writtenBytes, inParentBytes] = [0, 0];
  images.attempt(() => {
    using reader = images.reader(type, id);
    const entries = function* (): Generator<PagemapEntry> {
      let isHead = true;
      for (const { message } of reader) {
        if (!isHead) yield message as PagemapEntry;
        isHead = false;
      }
    };
    for (const { start, end, flags } of readRuns(images.store.pathOf(imageFileName(type, id)), entries()))
      if (flags & PE.PRESENT) writtenBytes += end - start;
      else if (flags & PE.PARENT) inParentBytes += end - start;
  });
  return { writtenBytes, inParentBytes };
}

type Step = Omit<ChainStep, 'sinceSec' | 'dirtyBytesPerSec'> & { readonly uptimeSec: number | undefined };

function stepOf(checkpoint: Checkpoint, images: TolerantImages, comms: Map<number, string>): Step {
  const processes: StepProcess[] = [];
  let shared = NOTHING;
  for (const { type, id } of images.list()) {
    if (typeof id !== 'number') continue;
    if (type === 'SHMEM_PAGEMAP') shared = plus(shared, pagesOf(images, type, id));
    if (type !== 'PAGEMAP') continue;
    const comm = images.first('CORE', id)?.tc?.comm ?? comms.get(id);
    if (comm !== undefined) comms.set(id, comm);
    processes.push({ pid: id, comm, ...pagesOf(images, type, id) });
  }
  const { dumpedAt, uptimeSec } = identity(checkpoint, images);
  return {
    path: checkpoint.path,
    dumpedAt,
    uptimeSec,
    frozenSec: dumpStats(images)?.frozenSec,
    ...[...processes, shared].reduce<StepBytes>(plus, NOTHING),
    processes: processes.sort((a, b) => a.pid - b.pid),
    shared,
  };
}

/** Seconds between two dumps. An uptime is that of one boot; clocks of machines may be set. */
function between(before: Step | undefined, { uptimeSec, dumpedAt }: Step): number | undefined {
  if (!before) return undefined;
  const byUptime = uptimeSec !== undefined && before.uptimeSec !== undefined ? uptimeSec - before.uptimeSec : undefined;
  if (byUptime !== undefined && byUptime > 0) return byUptime;
  if (dumpedAt === undefined || before.dumpedAt === undefined) return undefined;
  const sec = (Date.parse(dumpedAt) - Date.parse(before.dumpedAt)) / 1000;
  return sec > 0 ? sec : undefined;
}

/**
 * What each set of an incremental chain wrote. A set without a parent is a chain of one.
 * @param last the newest one; those before it are found by their links
 * @example
 * import { chainLog, openCheckpoint } from 'crit-checkpoint';
 * const { steps, flatBytes } = chainLog(openCheckpoint('fixtures/sets/tree'));
 * console.assert(steps.length === 1 && steps[0]?.writtenBytes === flatBytes);
 */
export function chainLog(last: Checkpoint): ChainLog {
  const steps: Step[] = [];
  const problems = new Set<string>();
  const comms = new Map<number, string>();
  for (let set: Checkpoint | undefined = last; set;) {
    const here: Checkpoint = set;
    const images = new TolerantImages(here.images);
    steps.unshift(stepOf(here, images, comms));
    set = images.attempt(() => here.parent());
    for (const line of images.problems) problems.add(line);
  }
  const chainBytes = steps.reduce((sum, { writtenBytes }) => sum + writtenBytes, 0);
  const newest = steps.at(-1)!;
  return {
    steps: steps.map(({ uptimeSec, ...step }, i) => {
      const sinceSec = between(steps[i - 1], { uptimeSec, ...step });
      const dirtyBytesPerSec = sinceSec === undefined ? undefined : step.writtenBytes / sinceSec;
      return { ...step, sinceSec, dirtyBytesPerSec };
    }),
    chainBytes,
    flatBytes: newest.writtenBytes + newest.inParentBytes,
    problems: [...problems],
  };
}
