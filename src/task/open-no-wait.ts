import {
  CHANGEABLE,
  F_SETFL,
  O_NOCTTY,
  O_NONBLOCK,
  O_PATH,
  OPEN_HOW_BYTES,
  RESOLVE_NO_SYMLINKS,
} from '../kernel/uapi/open-flags.js';
import type { Arg, Batch, Ref } from './batch.js';

/** A struct open_how for openat2(2): no symbolic link is followed. */
export function openHow(flags: number): Uint8Array {
  return new Uint8Array(BigUint64Array.of(BigInt(flags), 0n, BigInt(RESOLVE_NO_SYMLINKS)).buffer);
}

/** openat2(2) of a name that may have become a FIFO. 1 or 2 operations. */
export function openNoWait(b: Batch, dir: Arg, name: Uint8Array | string, flags: number): Ref {
  if (flags & O_PATH) return b.call('openat2', dir, name, openHow(flags), OPEN_HOW_BYTES);
  const how = openHow(flags | O_NONBLOCK | O_NOCTTY);
  const fd = b.call('openat2', dir, name, how, OPEN_HOW_BYTES);
  if (!(flags & O_NONBLOCK)) b.call('fcntl', fd, F_SETFL, flags & CHANGEABLE);
  return fd;
}
