import { PAGE_SIZE } from '../image/vma-status.js';
import type { BorrowedThread } from '../task/borrowed-thread.js';
import type { DumpRun } from './pages.js';

/** Bytes of a pages image that the task's memory does not have at the moment. */
export interface Patch {
  /** In the pages image. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

interface Saved {
  readonly address: number;
  readonly bytes: Uint8Array;
}

/**
 * What stood below the stacks of a borrowed process, where its threads' ways home are now: it belongs into the image as it
 * was, a program may have switched stacks and keep something there.
 */
export function savedBytes(threads: readonly BorrowedThread[]): Saved[] {
  return threads.flatMap((thread) => (thread.saved ? [thread.saved] : []));
}

/** Makes runs of their own of the pages that will be patched: only crit can write them. */
export function setApart(runs: readonly DumpRun[], saved: readonly Saved[]): DumpRun[] {
  const pages = saved
    .map(({ address, bytes }) => ({ start: floor(address), end: floor(address + bytes.length + PAGE_SIZE - 1) }))
    .sort((a, b) => a.start - b.start);
  let first = 0;
  return runs.flatMap((run) => {
    const parts: DumpRun[] = [];
    const { end } = run;
    let at = run.start;
    const cut = (to: number, readable: boolean) => {
      if (to > at) parts.push({ ...run, start: at, end: to, readable });
      at = Math.max(at, to);
    };
    while (first < pages.length && pages[first]!.end <= at) first++;
    for (let i = first; i < pages.length && pages[i]!.start < end; i++) {
      cut(Math.min(pages[i]!.start, end), run.readable);
      cut(Math.min(pages[i]!.end, end), false);
    }
    cut(end, run.readable);
    return parts;
  });
}

/** Where in the pages image the saved bytes belong. */
export function patchesOf(runs: readonly DumpRun[], saved: readonly Saved[]): Patch[] {
  const patches: Patch[] = [];
  let offset = 0;
  for (const { start, end } of runs) {
    for (const { address, bytes } of saved) {
      const from = Math.max(address, start);
      const to = Math.min(address + bytes.length, end);
      if (from < to)
        patches.push({ offset: offset + from - start, bytes: bytes.subarray(from - address, to - address) });
    }
    offset += end - start;
  }
  return patches;
}

/** Puts into a piece of the pages image what belongs there. */
export function patch(piece: Uint8Array, offset: number, patches: readonly Patch[]): void {
  for (const { offset: at, bytes } of patches) {
    const from = Math.max(at, offset);
    const to = Math.min(at + bytes.length, offset + piece.length);
    if (from < to) piece.set(bytes.subarray(from - at, to - at), from - offset);
  }
}

const floor = (address: number) => Math.floor(address / PAGE_SIZE) * PAGE_SIZE;
