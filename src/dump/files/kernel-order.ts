import { CritError } from '../../image/errors.js';
import { sysRaw } from '../../native/sys.js';

/**
 * A sorted list of kernel objects: kcmp(2) orders them, so that finding one among n takes log n comparisons, or two
 * where its place was guessed right.
 */
export class KernelOrder<T> {
  readonly #items: T[] = [];
  /** What was guessed for each item, NaN for nothing. */
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
    // from a guess in growing steps until the item is between two, by halves from there on
    let step = rank === undefined ? 0 : 1;
    let direction: number | undefined;
    let probe = rank === undefined ? high >> 1 : Math.min(this.#placeOf(rank), high - 1);
    while (low < high) {
      const other = items[probe]!;
      const order = this.#compare(item, other);
      if (order === 0) return other;
      if (order === 1) high = probe;
      else if (order === 2) low = probe + 1;
      else throw new CritError(`kcmp: unexpected answer ${order}`, { code: 'KCMP' });
      if (order !== (direction ?? order)) step = 0;
      direction = order;
      if (step === 0) probe = (low + high) >> 1;
      else probe = order === 1 ? Math.max(low, high - step) : Math.min(high - 1, low + step - 1);
      step *= 2;
    }
    // faster than splice(), which makes an array of nothing each time
    for (let i = items.length; i > low; i--) {
      items[i] = items[i - 1]!;
      this.#ranks[i] = this.#ranks[i - 1]!;
    }
    items[low] = item;
    this.#ranks[low] = rank ?? NaN;
    return undefined;
  }

  /** About where the first item of this rank or a higher one is. */
  #placeOf(rank: number): number {
    let low = 0;
    let high = this.#ranks.length;
    while (low < high) {
      const mid = (low + high) >> 1;
      let at = mid;
      while (at < high && Number.isNaN(this.#ranks[at])) at++;
      if (at === high || this.#ranks[at]! >= rank) high = mid;
      else low = at + 1;
    }
    return low;
  }
}

/** kcmp(2) of two processes' objects of a kind (tables, contexts). */
export function sameObject(type: number): (a: { pid: number }, b: { pid: number }) => number {
  return (a, b) => sysRaw('kcmp', a.pid, b.pid, type, 0, 0);
}
