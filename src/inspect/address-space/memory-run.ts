import type { TaskVma } from '../memory.js';

/** A mapping of a dumped task; `name` as /proc/PID/maps has it: a path, [heap], [stack], [vdso], ... or ''. */
export interface Mapping extends TaskVma {
  readonly name: string;
}

/**
 * Why bytes are not at hand:
 * - `unmapped`: no mapping is there
 * - `kernel`: the kernel makes them ([vvar], [vsyscall], packet rings, devices)
 * - `guard`: pages that may not be touched
 * - `file`: they are in a file that is not, or not any more the same, on this machine
 * - `beyond-end`: the mapping goes on behind its file's end
 * - `lazy`: they were left with a page server
 * - `lost`: the images should have them: an image or a parent is missing, or cut off
 */
export type Absence = 'unmapped' | 'kernel' | 'guard' | 'file' | 'beyond-end' | 'lazy' | 'lost';

/** Where the bytes of a run are. */
export type MemorySource =
  /** In a pages image; `depth` 0 is that of the set itself, 1 that of its parent, and so on. */
  | { readonly kind: 'image'; readonly file: string; readonly offset: number; readonly depth: number }
  /** In a file of this machine that is the one that was mapped. */
  | { readonly kind: 'file'; readonly file: string; readonly offset: number }
  /** Never written: zeros. */
  | { readonly kind: 'zero' }
  | { readonly kind: 'none'; readonly why: Absence; readonly reason: string };

/** Addresses that follow each other and whose bytes do so too. */
export interface MemoryRun {
  readonly start: bigint;
  readonly end: bigint;
  /** undefined where nothing is mapped. */
  readonly mapping: Mapping | undefined;
  readonly source: MemorySource;
}

/** What stands at [start, end). */
export type MemoryPiece = { readonly start: bigint; readonly end: bigint } &
  /** `bytes` are good until the next piece is asked for. */
  (
    | { readonly kind: 'bytes'; readonly bytes: Buffer }
    | { readonly kind: 'zero' }
    | { readonly kind: 'none'; readonly why: Absence; readonly reason: string }
  );
