import { CritError } from '../image/errors.js';
import { pathBytes } from '../image/path-bytes.js';
import { OPEN_HOW_BYTES } from '../kernel/uapi/open-flags.js';
import { STAT, STAT_BYTES } from '../kernel/uapi/stat.js';
import type { Batch, Out, Ref } from './batch.js';
import type { LookupRoot } from './lookup-root.js';

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
  readonly root: LookupRoot;
  readonly #asked: { seen: Seen; answer: Out }[] = [];

  constructor(root: LookupRoot) {
    this.root = root;
  }

  /** Adds the operations that open a file. The batch must run, and `check`, before the descriptor is made use of. */
  open(b: Batch, seen: Seen, flags: number): Ref {
    const path = pathBytes(seen.path);
    b.reserve(3, STAT_BYTES + path.length + OPEN_HOW_BYTES + 64);
    const answer = b.out(STAT_BYTES);
    const fd = this.root.openIn(b, path, flags);
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
