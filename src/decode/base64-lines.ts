import { BASE64, type TextOut } from './text-out.js';

/** Bytes that fill a line of 76 characters (RFC 2045, as Python's base64.encodebytes). */
const LINE_BYTES = 57;
/** Such a line in JSON, with the line break's escape. */
const LINE_CHARACTERS = 78;
/** The line break's escape, as a number of little endian bytes. */
const LINE_BREAK = 0x6e5c;

/** The two characters of each number of 12 bits, the first in the low byte; made when the first line is. */
let pairs: Uint16Array | undefined;
const makePairs = (): Uint16Array =>
  Uint16Array.from({ length: 4096 }, (_, i) => (BASE64[i >> 6] as number) | ((BASE64[i & 63] as number) << 8));

/**
 * Writes whole lines, 12 bytes at a time: a fifth group is read, and written, beyond the end of each line.
 * @returns where the bytes begin that were left
 */
function writeLines(out: TextOut, bytes: Uint8Array, start: number, end: number): number {
  const lines = Math.floor((end - start - 3) / LINE_BYTES);
  if (lines <= 0) return start;
  const pair = (pairs ??= makePairs());
  out.reserve(lines * LINE_CHARACTERS + 2);
  const from = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const to = new DataView(out.buf.buffer, out.buf.byteOffset, out.buf.length);
  let at = start;
  let put = out.length;
  for (let line = 0; line < lines; line++) {
    for (let group = 0; group < 5; group++) {
      const a = from.getInt32(at);
      const b = from.getInt32(at + 4);
      const c = from.getInt32(at + 8);
      const first = (pair[a >>> 20] as number) | ((pair[(a >>> 8) & 0xfff] as number) << 16);
      const second = (pair[((a << 4) & 0xff0) | (b >>> 28)] as number) | ((pair[(b >>> 16) & 0xfff] as number) << 16);
      const third = (pair[(b >>> 4) & 0xfff] as number) | ((pair[((b << 8) & 0xf00) | (c >>> 24)] as number) << 16);
      const fourth = (pair[(c >>> 12) & 0xfff] as number) | ((pair[c & 0xfff] as number) << 16);
      to.setInt32(put, first, true);
      to.setInt32(put + 4, second, true);
      to.setInt32(put + 8, third, true);
      to.setInt32(put + 12, fourth, true);
      at += 12;
      put += 16;
    }
    at -= 3;
    put -= 4;
    to.setInt16(put, LINE_BREAK, true);
    put += 2;
  }
  out.length = put;
  return at;
}

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
    at = writeLines(this.#out, bytes, at, end);
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
