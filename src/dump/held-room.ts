import { HELD_BYTES } from './strategy.js';

/**
 * Memory for pages that are held until the tree runs again. Touching memory for the first time costs a page fault a page
 * (2 to 16 us each on a virtual machine), which must not fall into the stop: that is done when it is made.
 */
export class HeldRoom {
  readonly #touched: Buffer;
  #taken = 0;

  /** @param sizeBytes that will be wanted, as far as is known */
  constructor(sizeBytes = 0) {
    this.#touched = Buffer.allocUnsafeSlow(Math.min(sizeBytes, HELD_BYTES)).fill(0);
  }

  take(sizeBytes: number): Buffer {
    const begin = this.#taken;
    this.#taken += sizeBytes;
    return this.#taken <= this.#touched.length
      ? this.#touched.subarray(begin, this.#taken)
      : Buffer.allocUnsafeSlow(sizeBytes);
  }
}
