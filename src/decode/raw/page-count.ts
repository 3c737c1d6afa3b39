/** The page size of every machine that this image format was written on by x86_64 CRIU. */
export const PAGE_BYTES = 4096;

const ZERO_PAGE = Buffer.alloc(PAGE_BYTES);

/** What can be said of a pages image by itself: which task the pages belong to stands in the pagemap images. */
export interface PageSummary {
  readonly bytes: number;
  readonly pages: number;
  readonly zero_pages: number;
  /** Bytes behind the last whole page; anything but 0 means that the file was cut. */
  readonly trailing_bytes: number;
}

/** Counts pages that are pushed in pieces of any size. */
export class PageCounter {
  #bytes = 0;
  #zero = 0;
  #pending: Buffer = Buffer.alloc(0);

  push(chunk: Uint8Array): void {
    const data = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.#bytes += data.length;
    let at = 0;
    if (this.#pending.length > 0) {
      at = Math.min(PAGE_BYTES - this.#pending.length, data.length);
      this.#pending = Buffer.concat([this.#pending, data.subarray(0, at)]);
      if (this.#pending.length < PAGE_BYTES) return;
      if (this.#pending.equals(ZERO_PAGE)) this.#zero++;
    }
    for (; at + PAGE_BYTES <= data.length; at += PAGE_BYTES) {
      if (data[at] === 0 && data.compare(ZERO_PAGE, 0, PAGE_BYTES, at, at + PAGE_BYTES) === 0) this.#zero++;
    }
    this.#pending = Buffer.from(data.subarray(at));
  }

  summary(): PageSummary {
    return {
      bytes: this.#bytes,
      pages: Math.floor(this.#bytes / PAGE_BYTES),
      zero_pages: this.#zero,
      trailing_bytes: this.#bytes % PAGE_BYTES,
    };
  }
}
