import { verify, type Verification } from '../verify/verify.js';
import type { Checkpoint } from '../checkpoint.js';
import { diffCheckpoints, type CheckpointDiff } from '../diff/diff-sets.js';
import { overview, type Overview, type Part, type ProcessOverview } from '../overview/overview.js';
import type { CredentialsInfo } from '../overview/credentials.js';
import type { LimitInfo } from '../overview/limits.js';
import type { OpenFile } from '../overview/open-files.js';
import { sharingGraph, type SharingGraph } from '../sharing-graph.js';
import { TolerantImages } from '../tolerant-images.js';
import { logTimes, type LogTimes } from './log-times.js';
import { machineOf, type Machine } from './machine.js';
import { memoryMap, type MappingMap, type MemoryMap } from './memory-map.js';
import { Pool } from './pool.js';

/** What a mapping is, wherever it lies. */
export type MappingWhat = Omit<MappingMap, 'start' | 'pages' | 'runs'>;

/** A mapping of a report; `what` is a place in `Report.whats`. */
export interface ReportMapping extends Pick<MappingMap, 'start' | 'pages' | 'runs'> {
  readonly what: number;
}

/** A process of a report. What many processes have alike is told once: numbers are places in the report's lists. */
export interface ReportProcess extends Omit<
  ProcessOverview,
  'env' | 'files' | 'credentials' | 'limits' | 'mappings' | 'auxv'
> {
  /** In `Report.strings`; undefined when its memory is not in the images. */
  readonly env: readonly number[] | undefined;
  readonly credentials: number | undefined;
  readonly limits: number | undefined;
  /** Number, index in `Report.files` (-1: not in the images), 1 for close-on-exec. */
  readonly fds: readonly (readonly [fd: number, file: number, isCloexec: 0 | 1])[];
  readonly map: (Omit<MemoryMap, 'mappings'> & { readonly mappings: readonly ReportMapping[] }) | undefined;
}

/** What a comparison with another checkpoint found. */
export type ReportDiff = CheckpointDiff & { readonly path: string };

/** All that the page of a checkpoint shows. */
export interface Report extends Pick<
  Required<Overview>,
  'identity' | 'container' | 'stats' | 'sockets' | 'terminals' | 'mounts' | 'namespaces' | 'cgroups' | 'problems'
> {
  readonly machine: Machine;
  readonly log: LogTimes | undefined;
  readonly verification: Verification;
  readonly processes: readonly ReportProcess[];
  readonly sharing: SharingGraph;
  readonly diff: ReportDiff | undefined;
  readonly whats: readonly MappingWhat[];
  readonly strings: readonly string[];
  readonly files: readonly OpenFile[];
  readonly credentials: readonly CredentialsInfo[];
  readonly limits: readonly (readonly LimitInfo[])[];
  /** What is in the set and not in the report, because there is too much of it: one line each. */
  readonly leftOut: readonly string[];
}

export interface ReportOptions {
  /** A checkpoint to compare with: the later one. */
  readonly after?: Checkpoint;
  /** false leaves environment variables out: they may hold secrets. */
  readonly env?: boolean;
  /** false compares no bytes of memory. */
  readonly pages?: boolean;
}

const PARTS: readonly Part[] = [
  'identity',
  'container',
  'stats',
  'cmdline',
  'threads',
  'files',
  'memory',
  'creds',
  'limits',
  'signals',
  'timers',
  'sockets',
  'terminals',
  'mounts',
  'namespaces',
  'cgroups',
];

/** A page with more of each is of no use, and slow. */
const MOST = {
  processes: 5000,
  mappings: 60_000,
  runs: 150_000,
  fds: 100_000,
  threads: 50_000,
  edges: 50_000,
  rows: 5000,
  changes: 20_000,
  ranges: 50,
} as const;

/** Takes the first of a list, and says of the rest that it is left out. */
class Bounds {
  readonly leftOut: string[] = [];
  first<T>(list: readonly T[], most: number, what: string): readonly T[] {
    if (list.length <= most) return list;
    this.leftOut.push(`${list.length - most} of ${list.length} ${what}`);
    return list.slice(0, most);
  }
}

/** A share of what all processes together may have; a small one at least. */
const share = (all: number, processes: number): number => Math.max(20, Math.floor(all / Math.max(1, processes)));

function boundedDiff(diff: CheckpointDiff, bounds: Bounds): CheckpointDiff {
  const per = Math.max(20, Math.floor(MOST.changes / Math.max(1, diff.processes.length)));
  const sections = (all: ProcessSections, what: string): ProcessSections =>
    Object.fromEntries(Object.entries(all).map(([name, list]) => [name, bounds.first(list, per, `${what} ${name}`)]));
  return {
    ...diff,
    processes: bounds.first(diff.processes, MOST.processes, 'processes that differ').map((one) => ({
      ...one,
      sections: sections(one.sections, `changes of process ${one.pid}:`),
      memory: one.memory && { ...one.memory, ranges: one.memory.ranges.slice(0, MOST.ranges) },
    })),
    images: sections(diff.images, 'changes of'),
  };
}
type ProcessSections = Readonly<CheckpointDiff['images']>;

function boundedGraph(graph: SharingGraph, bounds: Bounds): SharingGraph {
  const edges = bounds.first(graph.edges, MOST.edges, 'lines of who shares what');
  const ends = new Set(edges.flatMap(({ from, to }) => [from, to]));
  return { ...graph, edges, nodes: graph.nodes.filter(({ id, kind }) => kind === 'process' || ends.has(id)) };
}

/**
 * A checkpoint as `crit report` shows it: all that an overview has, where the pages of each process are, what verify finds, who shares
 * what, how the dump went, and how another checkpoint differs. What is damaged or missing is in `problems`; what is more than a
 * page can show is in `leftOut`. Times are in seconds, sizes in bytes or pages of 4096 bytes.
 * @throws ImageError NO_IMAGE when there is no process tree and no inventory
 * @example
 * import { openCheckpoint, report, reportPage } from 'crit-checkpoint';
 * const found = report(openCheckpoint('fixtures/sets/tree'));
 * console.assert(found.processes.length === 8);
 * console.assert(reportPage(found).startsWith('<!doctype html>'));
 */
export function report(checkpoint: Checkpoint, { after, env = true, pages = true }: ReportOptions = {}): Report {
  const bounds = new Bounds();
  const images = new TolerantImages(checkpoint.images);
  const found = overview(checkpoint, { parts: env ? [...PARTS, 'env'] : PARTS });
  const whats = new Pool<MappingWhat>();
  const strings = new Pool<string>((text) => text);
  const files = new Pool<OpenFile>(({ id }) => `${id}`);
  const credentials = new Pool<CredentialsInfo>();
  const limits = new Pool<readonly LimitInfo[]>();
  const told = bounds.first(found.processes, MOST.processes, 'processes');
  const mapBounds = { mappings: share(MOST.mappings, told.length), runs: share(MOST.runs, told.length) };
  const processes = told.map((process): ReportProcess => {
    const { env: variables, files: fds = [], credentials: creds, limits: of, ...rest } = process;
    const whose = `of process ${process.pid}`;
    const map = memoryMap(checkpoint, images, process.pid, mapBounds);
    return {
      ...rest,
      ...(rest.threads && {
        threads: bounds.first(rest.threads, share(MOST.threads, told.length), `threads ${whose}`),
      }),
      env: variables?.map((text) => strings.index(text)),
      credentials: creds && credentials.index(creds),
      limits: of && limits.index(of),
      fds: bounds
        .first(fds, share(MOST.fds, told.length), `descriptors ${whose}`)
        .map(({ fd, file, isCloexec }) => [fd, file ? files.index(file) : -1, isCloexec ? 1 : 0] as const),
      map: map && {
        ...map,
        mappings: map.mappings.map(({ start, pages, runs, ...what }) => ({
          start,
          pages,
          runs,
          what: whats.index(what),
        })),
      },
    };
  });
  const diff = after && { path: after.path, ...boundedDiff(diffCheckpoints(checkpoint, after, { pages }), bounds) };
  const graph = sharingGraph(checkpoint);
  const rows = <T>(list: readonly T[] | undefined, what: string) => bounds.first(list ?? [], MOST.rows, what);
  return {
    identity: found.identity!,
    container: found.container,
    stats: found.stats,
    machine: machineOf(images),
    log: logTimes(checkpoint),
    verification: verify(checkpoint),
    processes,
    sockets: rows(found.sockets, 'sockets'),
    terminals: rows(found.terminals, 'terminals'),
    mounts: rows(found.mounts, 'mounts'),
    namespaces: rows(found.namespaces, 'namespaces'),
    cgroups: rows(found.cgroups, 'sets of control groups'),
    sharing: boundedGraph(graph, bounds),
    diff,
    whats: whats.all,
    strings: strings.all,
    files: files.all,
    credentials: credentials.all,
    limits: limits.all,
    problems: [...new Set([...found.problems, ...images.problems, ...graph.problems, ...(diff?.problems ?? [])])],
    leftOut: bounds.leftOut,
  };
}
