import type { Pid } from '../image/pid.js';
import { CritError } from '../image/errors.js';

/** A process on a loaded machine answers a dump's questions in milliseconds, all together; a hostile one never. */
const DUMP_MS = 4000;
/** Nobody but the images can keep a task of a restore from answering. */
const RESTORE_MS = 60_000;
/** The slowest disk that is waited for, bytes a millisecond: 1 MiB/s. */
const SLOWEST_BYTES_PER_MS = 1049;

/**
 * How long crit waits for a puppet, all waits taken together: a task that does not answer, for whatever reason, must not
 * hold its tree for ever.
 */
export class Patience {
  #leftMs: number;
  constructor(forMs: number) {
    this.#leftMs = forMs;
  }

  static ofDump(): Patience {
    return new Patience(DUMP_MS);
  }

  static ofRestore(): Patience {
    return new Patience(RESTORE_MS);
  }

  /** The puppet is given work that takes longer: bytes to be read, written or copied. */
  grant(bytes: number): void {
    this.#leftMs += bytes / SLOWEST_BYTES_PER_MS;
  }

  /** @throws CritError TIMEOUT when nothing is left */
  spend(ms: number, tid: Pid): void {
    this.#leftMs -= ms;
    if (this.#leftMs < 0)
      throw new CritError(`task ${tid} does not answer: something keeps it from running, or writes to its memory`, {
        code: 'TIMEOUT',
      });
  }
}
