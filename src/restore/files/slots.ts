import { CritError } from '../../image/errors.js';

/**
 * Descriptor numbers, in the root and inherited by all, at which every file of the tree waits until the tasks lay out
 * their tables: numbers that no table uses.
 */
export class Slots {
  readonly #taken: ReadonlySet<number>;
  readonly #limit: number;
  #next: number;
  /** Below the limit there was no room above all numbers: what is free between them is used, from the top. */
  #downwards = false;
  readonly #reserved: number[] = [];

  /** @param taken every number that a table uses; @param limit numbers are below it (RLIMIT_NOFILE) */
  constructor(taken: ReadonlySet<number>, limit: number) {
    this.#taken = taken;
    this.#limit = limit;
    let max = 15;
    for (const fd of taken) max = Math.max(max, fd);
    this.#next = max + 1;
  }

  reserve(): number {
    if (!this.#downwards && this.#next >= this.#limit) {
      this.#downwards = true;
      this.#next = Math.min(this.#limit, ...this.#reserved) - 1;
    }
    if (this.#downwards) while (this.#taken.has(this.#next)) this.#next--;
    // a few low numbers stay free: opening a file takes the lowest one for a moment
    if (this.#downwards && this.#next < 8)
      throw new CritError(
        `the tree needs more descriptors than the limit of ${this.#limit} allows: raise it (ulimit -n) and restore again`,
        { code: 'NO_DESCRIPTORS' },
      );
    const slot = this.#next;
    this.#next += this.#downwards ? -1 : 1;
    this.#reserved.push(slot);
    return slot;
  }

  /** All reserved numbers as ranges. */
  ranges(): { first: number; last: number }[] {
    const ranges: { first: number; last: number }[] = [];
    for (const slot of [...this.#reserved].sort((a, b) => a - b)) {
      const range = ranges.at(-1);
      if (range && range.last + 1 === slot) range.last = slot;
      else ranges.push({ first: slot, last: slot });
    }
    return ranges;
  }
}
