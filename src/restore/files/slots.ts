import { CritError } from '../../image/errors.js';
import type { Batch } from '../../task/batch.js';
import type { FileImages } from './file-images.js';

/** Numbers from here on may be those of the tree at once: below are crit's terminal and the stub's own descriptors. */
const FIRST_OWN = 5;

/**
 * Files that wait at the number that they will have: each table that uses the number has that file there, and no epoll has
 * another one under it. A tree with almost as many descriptors as the limit allows restores by this.
 * @returns numbers by the ids of the files
 */
export function ownNumbers(images: FileImages): Map<number, number> {
  const idAt = new Map<number, number | undefined>();
  for (const { entries } of images.tables)
    for (const { fd, id } of entries) idAt.set(fd, !idAt.has(fd) || idAt.get(fd) === id ? id : undefined);
  for (const { epfd } of images.byId.values())
    for (const { tfd, added_as, target_id } of epfd?.tfd ?? [])
      for (const fd of [tfd, added_as ?? tfd])
        if (target_id !== undefined && idAt.get(fd) !== target_id) idAt.delete(fd);
  const numbers = new Map<number, number>();
  for (const [fd, id] of idAt) if (id !== undefined && fd >= FIRST_OWN && !numbers.has(id)) numbers.set(id, fd);
  return numbers;
}

/**
 * Descriptor numbers, in the root and inherited by all, at which files of the tree wait until the tasks lay out their
 * tables: numbers that no table uses.
 */
export class Slots {
  readonly #taken: ReadonlySet<number>;
  readonly #limit: number;
  #next: number;
  /** Below the limit there was no room above all numbers: what is free between them is used, from the top. */
  #downwards = false;
  readonly #reserved: number[] = [];
  readonly #own: ReadonlyMap<number, number>;

  /**
   * @param own numbers by file (ownNumbers)
   * @param taken every number that a table uses
   * @param limit numbers are below it (RLIMIT_NOFILE)
   */
  constructor(own: ReadonlyMap<number, number>, taken: ReadonlySet<number>, limit: number) {
    this.#own = own;
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

  /** The number at which a file waits: its own, or a new one. */
  of(id: number): number {
    return this.#own.get(id) ?? this.reserve();
  }

  /** Occupies the numbers, so that nothing else is opened there for a moment. 1 operation each. */
  occupy(b: Batch, fd: number): void {
    for (const slot of [...this.#own.values(), ...this.#reserved]) b.call('dup3', fd, slot, 0);
  }

  /** All numbers at which files wait, as ranges, less those that a table has itself. */
  ranges(table: ReadonlyMap<number, unknown>): { first: number; last: number }[] {
    const ranges: { first: number; last: number }[] = [];
    const own = [...this.#own.values()].filter((fd) => !table.has(fd));
    for (const slot of [...this.#reserved, ...own].sort((a, b) => a - b)) {
      const range = ranges.at(-1);
      if (range && range.last + 1 === slot) range.last = slot;
      else ranges.push({ first: slot, last: slot });
    }
    return ranges;
  }
}
