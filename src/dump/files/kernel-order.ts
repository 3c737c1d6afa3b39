import { CritError } from '../../image/errors.js';
import { sysRaw } from '../../native/sys.js';

/**
 * A sorted list of kernel objects: kcmp(2) orders them, so that finding one among n takes log n comparisons, or two
 * where its place was guessed right.
 */
export class KernelOrder<T> {
  readonly #items: T[] = [];
  /** Of each item, never falling. */
  readonly #ranks: number[] = [];
  readonly #compare: (a: T, b: T) => number;

  /** @param compare the answer of kcmp: 0 equal, 1 less, 2 greater */
  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare;
  }

  /** The items in the kernel's order. */
  get items(): readonly T[] {
    return this.#items;
  }

  /**
   * The item that is the same object, or undefined and the new one is added.
   * @param rank guess of its place among the ranks of the others; a wrong one costs a comparison or two
   */
  findOrAdd(item: T, rank?: number): T | undefined {
    const items = this.#items;
    let low = 0;
    let high = items.length;
    // a guess, its neighbour on the side where the item belongs, and from there on halves
    let probe = rank === undefined ? high >> 1 : Math.min(this.#placeOf(rank), high - 1);
    for (let guessed = rank !== undefined; low < high; guessed = false) {
      const other = items[probe]!;
      const order = this.#compare(item, other);
      if (order === 0) return other;
      if (order === 1) high = probe;
      else if (order === 2) low = probe + 1;
      else throw new CritError(`kcmp: unexpected answer ${order}`, { code: 'KCMP' });
      if (guessed) probe = order === 1 ? high - 1 : low;
      else probe = (low + high) >> 1;
    }
    // faster than splice(), which makes an array of nothing each time
    for (let i = items.length; i > low; i--) {
      items[i] = items[i - 1]!;
      this.#ranks[i] = this.#ranks[i - 1]!;
    }
    items[low] = item;
    const before = this.#ranks[low - 1] ?? -Infinity;
    const after = this.#ranks[low + 1] ?? Infinity;
    this.#ranks[low] = Math.max(before, Math.min(after, rank ?? before));
    return undefined;
  }

  /** The first item of this rank or a higher one. */
  #placeOf(rank: number): number {
    let low = 0;
    let high = this.#ranks.length;
    while (low < high) {
      const mid = (low + high) >> 1;
      if (this.#ranks[mid]! < rank) low = mid + 1;
      else high = mid;
    }
    return low;
  }
}

/** kcmp(2) of two processes' objects of a kind (tables, contexts). */
export function sameObject(type: number): (a: { pid: number }, b: { pid: number }) => number {
  return (a, b) => sysRaw('kcmp', a.pid, b.pid, type, 0, 0);
}
