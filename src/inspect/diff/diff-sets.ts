import { openAddressSpace } from '../address-space/address-space.js';
import type { Checkpoint } from '../checkpoint.js';
import { TolerantImages } from '../tolerant-images.js';
import { compareMemory, type MemoryChange, type OnPage } from './compare-memory.js';
import { Documents, matchables, type Matchable } from './documents.js';
import { compareImages } from './diff-images.js';
import { compareLists, compareTrees, type Change } from './tree.js';

/** What differs in a process that both sets have. */
export interface ProcessChange {
  /** Its number in the first set, and in the second. */
  readonly pid: number;
  readonly pidAfter: number;
  readonly comm: string | undefined;
  /** By section: files, mappings, signals, ... */
  readonly sections: Readonly<Record<string, readonly Change[]>>;
  /** undefined where a process has no memory. */
  readonly memory: MemoryChange | undefined;
}

/** How two checkpoints differ. */
export interface CheckpointDiff {
  readonly isSame: boolean;
  /** Processes that only one set has. */
  readonly removed: readonly { readonly pid: number; readonly comm: string | undefined }[];
  readonly added: readonly { readonly pid: number; readonly comm: string | undefined }[];
  /** Of the others, those that differ. */
  readonly processes: readonly ProcessChange[];
  /** What is no process's: by image. */
  readonly images: Readonly<Record<string, readonly Change[]>>;
  readonly problems: readonly string[];
}

type Pair = readonly [Matchable, Matchable];

/** By number where the name is the same too; what is left, by place and name. */
function match(before: readonly Matchable[], after: readonly Matchable[]) {
  const pairs: Pair[] = [];
  const left = new Set(before);
  const right = new Set(after);
  const pair = (key: (one: Matchable) => string) => {
    const byKey = new Map([...right].map((one) => [key(one), one]));
    for (const one of left) {
      const other = byKey.get(key(one));
      if (!other || !right.has(other)) continue;
      pairs.push([one, other]);
      left.delete(one);
      right.delete(other);
    }
  };
  pair(({ task, comm }) => `${task.pid} ${comm}`);
  pair(({ place }) => place);
  // a process that has executed another program since is the same one
  pair(({ task }) => `${task.pid}`);
  return {
    pairs: pairs.sort(([a], [b]) => before.indexOf(a) - before.indexOf(b)),
    removed: [...left],
    added: [...right],
  };
}

const who = ({ task, comm }: Matchable) => ({ pid: task.pid, comm });

/**
 * Compares two checkpoints by what they mean: numbers that a dump makes up are left out (`SET_ASIDE`). Memory is compared page
 * by page, as a stream.
 * @param options.pages false leaves the memory's bytes out
 * @param options.onPage is told of pages that differ
 * @example
 * import { diffCheckpoints, openCheckpoint } from 'crit-checkpoint';
 * const tree = openCheckpoint('fixtures/sets/tree');
 * console.assert(diffCheckpoints(tree, tree).isSame);
 */
export function diffCheckpoints(
  before: Checkpoint,
  after: Checkpoint,
  { pages = true, onPage }: { readonly pages?: boolean; readonly onPage?: (pid: number) => OnPage | undefined } = {},
): CheckpointDiff {
  const [left, right] = [new TolerantImages(before.images), new TolerantImages(after.images)];
  const { pairs, removed, added } = match(matchables(left), matchables(right));
  const names = new Map(pairs.map(([a, b]) => [b.task.pid, a.task.pid]));
  const a = new Documents(left, String);
  const b = new Documents(right, (pid) => String(names.get(pid) ?? pid));
  const processes = pairs.flatMap(([one, other]): ProcessChange[] => {
    const sections: Record<string, Change[]> = {};
    const [from, to] = [a.of(one.task), b.of(other.task)];
    for (const name of new Set([...from.keys(), ...to.keys()])) {
      const changes = [...compareTrees(from.get(name) ?? new Map(), to.get(name) ?? new Map())];
      if (changes.length > 0) sections[name] = changes;
    }
    const memory = pages ? memoryOf([before, left, one], [after, right, other], onPage?.(one.task.pid)) : undefined;
    const hasPages = memory !== undefined && memory.ranges.length > 0;
    if (Object.keys(sections).length === 0 && !hasPages) return [];
    return [{ pid: one.task.pid, pidAfter: other.task.pid, comm: one.comm, sections, memory }];
  });
  // their files are not told again as nobody's
  for (const { task } of removed) a.of(task);
  for (const { task } of added) b.of(task);
  const images: Record<string, readonly Change[]> = {};
  const others = [...compareLists(a.otherFiles(), b.otherFiles(), 'file')];
  if (others.length > 0) images['files.img'] = others;
  Object.assign(images, compareImages(left, right));
  const isSame = [removed, added, processes, Object.keys(images)].every((list) => list.length === 0);
  const problems = [...new Set([...left.problems, ...right.problems])];
  return { isSame, removed: removed.map(who), added: added.map(who), processes, images, problems };
}

type Side = readonly [Checkpoint, TolerantImages, Matchable];

function memoryOf(before: Side, after: Side, onPage: OnPage | undefined): MemoryChange | undefined {
  const [one, other] = [before, after].map(([checkpoint, images, { task }]) =>
    images.has('MM', task.pid)
      ? images.attempt(() => openAddressSpace({ ...checkpoint, images }, task.pid, { root: null }))
      : undefined,
  );
  using left = one;
  using right = other;
  if (!left || !right) return undefined;
  const change = compareMemory(left, right, onPage);
  for (const [space, [, images]] of [
    [left, before],
    [right, after],
  ] as const)
    for (const line of space.warnings) images.problem(line);
  return change;
}
