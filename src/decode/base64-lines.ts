import type { TextOut } from './text-out.js';

/** Bytes that fill a line of 76 characters (RFC 2045, as Python's base64.encodebytes). */
const LINE_BYTES = 57;

/** Writes bytes, coming in pieces, as a JSON string of base64 lines. */
export class Base64Lines {
  readonly #out: TextOut;
  readonly #carry = new Uint8Array(LINE_BYTES);
  #carried = 0;

  constructor(out: TextOut) {
    this.#out = out;
    out.byte(0x22);
  }

  #line(bytes: Uint8Array, start: number, end: number): void {
    const out = this.#out;
    out.base64(bytes, start, end);
    out.reserve(2);
    out.buf[out.length++] = 0x5c;
    out.buf[out.length++] = 0x6e;
  }

  push(bytes: Uint8Array, start = 0, end = bytes.length): void {
    let at = start;
    if (this.#carried > 0) {
      const some = Math.min(LINE_BYTES - this.#carried, end - at);
      this.#carry.set(bytes.subarray(at, at + some), this.#carried);
      this.#carried += some;
      at += some;
      if (this.#carried < LINE_BYTES) return;
      this.#line(this.#carry, 0, LINE_BYTES);
      this.#carried = 0;
    }
    for (; at + LINE_BYTES <= end; at += LINE_BYTES) this.#line(bytes, at, at + LINE_BYTES);
    if (at < end) {
      this.#carry.set(bytes.subarray(at, end));
      this.#carried = end - at;
    }
  }

  end(): void {
    if (this.#carried > 0) this.#line(this.#carry, 0, this.#carried);
    this.#out.byte(0x22);
  }
}
