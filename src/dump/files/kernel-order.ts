import { CritError } from '../../image/errors.js';
import { sysRaw } from '../../native/sys.js';

/**
 * A sorted list of kernel objects: kcmp(2) orders them, so that finding one among n takes log n comparisons.
 */
export class KernelOrder<T> {
  readonly #items: T[] = [];
  readonly #compare: (a: T, b: T) => number;

  /** @param compare the answer of kcmp: 0 equal, 1 less, 2 greater */
  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare;
  }

  /** The item that is the same object, or undefined and the new one is added. */
  findOrAdd(item: T): T | undefined {
    let low = 0;
    const items = this.#items;
    let high = items.length;
    while (low < high) {
      const mid = (low + high) >> 1;
      const other = items[mid]!;
      const order = this.#compare(item, other);
      if (order === 0) return other;
      if (order === 1) high = mid;
      else if (order === 2) low = mid + 1;
      else throw new CritError(`kcmp: unexpected answer ${order}`, { code: 'KCMP' });
    }
    // faster than splice(), which makes an array of nothing each time
    for (let i = items.length; i > low; i--) items[i] = items[i - 1]!;
    items[low] = item;
    return undefined;
  }
}

/** kcmp(2) of two processes' objects of a kind (tables, contexts). */
export function sameObject(type: number): (a: { pid: number }, b: { pid: number }) => number {
  return (a, b) => sysRaw('kcmp', a.pid, b.pid, type, 0, 0);
}
