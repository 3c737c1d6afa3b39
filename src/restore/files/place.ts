import {
  CHANGEABLE,
  F_SETFL,
  O_ASYNC,
  O_CLOEXEC,
  O_CREAT,
  O_EXCL,
  O_TMPFILE,
  O_TRUNC,
} from '../../kernel/uapi/open-flags.js';
import type { Arg, Batch } from '../../task/batch.js';

/** The part of O_TMPFILE that is not O_DIRECTORY. */
const TMPFILE_ONLY = 0o20000000;

/** Moves a fresh descriptor to its slot. 2 operations. */
export function place(b: Batch, fd: Arg, slot: number): void {
  b.call('dup3', fd, slot, 0);
  b.call('close', fd);
}

/** Gives a description the flags that it was not made with; owner signals (O_ASYNC) are switched on at the very end. */
export function setFlags(b: Batch, slot: number, flags: number): void {
  if (flags & CHANGEABLE) b.call('fcntl', slot, F_SETFL, flags & CHANGEABLE);
}

/** Flags for open(2): an image must not make it create or cut anything. */
export function openFlags(flags: number): number {
  let kept = flags & ~(O_CREAT | O_EXCL | O_TRUNC | O_CLOEXEC | O_ASYNC);
  // files without a name come back as ghosts
  if (kept & TMPFILE_ONLY) kept &= ~O_TMPFILE;
  return kept;
}
