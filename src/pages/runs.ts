import type { StoredRun } from '../image/pagemap.js';
import { PAGE_SIZE } from '../image/vma-status.js';

/** The part of a run that lies in [start, end), which must not be empty. */
function partOf(run: StoredRun, start: number, end: number): StoredRun {
  const { pagesId, offset } = run.at;
  const from = Math.max(run.start, start);
  return { start: from, end: Math.min(run.end, end), at: { pagesId, offset: offset + (from - run.start) } };
}

/** Whether the bytes of a run come right behind those of another. */
export const followsInFile = (before: StoredRun, run: StoredRun): boolean =>
  before.at.pagesId === run.at.pagesId && before.at.offset + (before.end - before.start) === run.at.offset;

export const bytesIn = (runs: readonly StoredRun[]): number => runs.reduce((sum, run) => sum + run.end - run.start, 0);

/** The parts of runs that lie in [start, end). */
export function clip(runs: readonly StoredRun[], start: number, end: number): StoredRun[] {
  const out: StoredRun[] = [];
  let low = 0;
  let high = runs.length;
  while (low < high) {
    const mid = (low + high) >> 1;
    if (runs[mid]!.end <= start) low = mid + 1;
    else high = mid;
  }
  for (let i = low; i < runs.length && runs[i]!.start < end; i++) out.push(partOf(runs[i]!, start, end));
  return out;
}

/** The parts of [start, end) that no run covers. */
export function gaps(runs: readonly StoredRun[], start: number, end: number): { start: number; end: number }[] {
  const out: { start: number; end: number }[] = [];
  let at = start;
  for (const run of clip(runs, start, end)) {
    if (run.start > at) out.push({ start: at, end: run.start });
    at = run.end;
  }
  if (at < end) out.push({ start: at, end });
  return out;
}

/** Adjacent pages joined over mapping borders, so that one operation fills as much as it can. */
export function joined(runs: readonly StoredRun[]): StoredRun[] {
  const out: StoredRun[] = [];
  for (const run of runs) {
    const last = out.at(-1);
    if (last?.end === run.start && followsInFile(last, run)) last.end = run.end;
    else out.push({ ...run });
  }
  return out;
}

/** A run in pieces of at most so many bytes. */
export function slices(run: StoredRun, sizeBytes: number): StoredRun[] {
  const out: StoredRun[] = [];
  for (let at = run.start; at < run.end; at += sizeBytes) out.push(partOf(run, at, at + sizeBytes));
  return out;
}

/** The first so many bytes of some runs, up to a page, and the others. */
export function cutAt(runs: readonly StoredRun[], sizeBytes: number): [StoredRun[], StoredRun[]] {
  const first: StoredRun[] = [];
  const second: StoredRun[] = [];
  let at = 0;
  for (const run of runs) {
    const size = run.end - run.start;
    const cut = Math.round(Math.min(Math.max(sizeBytes - at, 0), size) / PAGE_SIZE) * PAGE_SIZE;
    if (cut > 0) first.push(partOf(run, run.start, run.start + cut));
    if (cut < size) second.push(partOf(run, run.start + cut, run.end));
    at += size;
  }
  return [first, second];
}
