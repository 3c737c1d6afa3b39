import { CritError } from '../image/errors.js';
import { pathBytes } from '../image/path-bytes.js';
import {
  AT_FDCWD,
  CHANGEABLE,
  F_SETFL,
  O_NOCTTY,
  O_NONBLOCK,
  O_PATH,
  OPEN_HOW_BYTES,
  RESOLVE_NO_SYMLINKS,
} from '../kernel/uapi/open-flags.js';
import { STAT, STAT_BYTES } from '../kernel/uapi/stat.js';
import type { Arg, Batch, Out, Ref } from './batch.js';

/** A file that crit has looked at: what a puppet opens must be this one. */
export interface Seen {
  /** Without symbolic links. */
  readonly path: string;
  readonly dev: bigint;
  readonly ino: bigint;
}

/**
 * Opens files by name in a puppet so that it cannot be led to another file than crit has looked at, nor be made to wait:
 * no symbolic link is followed, a FIFO or a lease that somebody has put there meanwhile is not waited for, and the
 * inode is compared.
 */
export class VerifiedOpens {
  readonly #asked: { seen: Seen; answer: Out }[] = [];

  /** Adds the operations that open a file. The batch must run, and `check`, before the descriptor is made use of. */
  open(b: Batch, seen: Seen, flags: number): Ref {
    const path = pathBytes(seen.path);
    b.reserve(3, STAT_BYTES + path.length + OPEN_HOW_BYTES + 64);
    const answer = b.out(STAT_BYTES);
    const fd = openNoWait(b, AT_FDCWD, path, flags);
    b.call('fstat', fd, answer);
    this.#asked.push({ seen, answer });
    return fd;
  }

  /** After the run. @throws CritError EXCHANGED_FILE */
  check(): void {
    for (const { seen, answer } of this.#asked.splice(0)) {
      const { view } = answer;
      if (view.getBigUint64(STAT.dev, true) === seen.dev && view.getBigUint64(STAT.ino, true) === seen.ino) continue;
      throw exchanged(seen);
    }
  }
}

/** Somebody has put another file into the place of one that was looked at. */
export const exchanged = ({ path }: Seen): CritError =>
  new CritError(`file ${path} was exchanged for another one while it was being restored`, { code: 'EXCHANGED_FILE' });

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
