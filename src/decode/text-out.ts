import { sequenceLength } from '../image/utf8.js';

const FLUSH_BYTES = 256 * 1024;

const ascii = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));
const HEX = ascii('0123456789abcdef');
/** The characters of base64 in the order of their values. */
export const BASE64 = ascii('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');

/** Two digits of each number below 100. */
const PAIRS = ascii(Array.from({ length: 100 }, (_, i) => String(i).padStart(2, '0')).join(''));

/** For each byte: 0 as it is, 1 `\uXXXX`, 2 UTF-8, else the letter of its escape. */
const ESCAPE = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) ESCAPE[byte] = byte >= 0x80 ? 2 : byte < 0x20 || byte === 0x7f ? 1 : 0;
for (const [byte, letter] of ['""', '\\\\', '\nn', '\rr', '\tt', '\ff', '\bb'].map(
  (p) => [p.charCodeAt(0), p.charCodeAt(1)] as const,
)) {
  ESCAPE[byte] = letter;
}

/** Puts exactly so many digits of a number below 2^31, leading zeros included. @returns where they end */
export function putDigits(buf: Uint8Array, at: number, value: number, digits: number): number {
  const end = at + digits;
  let put = end;
  let rest = value | 0;
  while (put - 2 >= at) {
    const quotient = (rest / 100) | 0;
    const pair = (rest - quotient * 100) << 1;
    buf[--put] = PAIRS[pair + 1] as number;
    buf[--put] = PAIRS[pair] as number;
    rest = quotient;
  }
  if (put > at) buf[at] = 0x30 + rest;
  return end;
}

/** Puts a number below 2^32 in decimal. @returns where it ends */
export function putUint(buf: Uint8Array, at: number, value: number): number {
  if (value < 10) {
    buf[at] = 0x30 + value;
    return at + 1;
  }
  if (value >= 1e9) {
    const high = Math.floor(value / 1e9);
    buf[at] = 0x30 + high;
    return putDigits(buf, at + 1, value - high * 1e9, 9);
  }
  let digits = 2;
  for (let limit = 100; value >= limit; limit *= 10) digits++;
  return putDigits(buf, at, value, digits);
}

/** ASCII text in the making, handed on in large pieces. All that JSON of images is made of: keys, numbers, strings. */
export class TextOut {
  buf = new Uint8Array(32 * 1024);
  length = 0;
  /** Numbers that a double does not hold exactly are printed as strings. */
  bigAsStrings = false;
  /** While above zero nothing is handed on: what was written may be taken back. */
  held = 0;
  readonly #write: (chunk: Uint8Array) => void;

  constructor(write: (chunk: Uint8Array) => void) {
    this.#write = write;
  }

  /** Hands on what has come together, when that is much and none of it may be taken back. */
  settle(): void {
    if (this.held === 0 && this.length >= FLUSH_BYTES) this.flush();
  }

  flush(): void {
    if (this.length > 0) this.#write(this.buf.subarray(0, this.length));
    this.length = 0;
  }

  /** Makes room for `count` bytes. */
  reserve(count: number): void {
    if (this.length + count > this.buf.length) this.#makeRoom(count);
  }

  #makeRoom(count: number): void {
    this.settle();
    if (this.length + count <= this.buf.length) return;
    const grown = new Uint8Array(Math.max(this.buf.length * 2, this.length + count));
    grown.set(this.buf.subarray(0, this.length));
    this.buf = grown;
  }

  byte(value: number): void {
    this.reserve(1);
    this.buf[this.length++] = value;
  }

  /** Short ASCII bytes. */
  bytes(value: Uint8Array): void {
    const size = value.length;
    this.reserve(size);
    const { buf } = this;
    let at = this.length;
    for (let i = 0; i < size; i++) buf[at++] = value[i] as number;
    this.length = at;
  }

  /** ASCII text as it is. */
  text(value: string): void {
    this.reserve(value.length);
    for (let i = 0; i < value.length; i++) this.buf[this.length++] = value.charCodeAt(i);
  }

  spaces(count: number): void {
    this.reserve(count);
    this.buf.fill(0x20, this.length, this.length + count);
    this.length += count;
  }

  /** A number below 2^32. */
  uint(value: number): void {
    this.reserve(10);
    this.length = putUint(this.buf, this.length, value);
  }

  /** A number of two 32-bit halves, in decimal. */
  decimal(lo: number, hi: number, signed: boolean): void {
    if (hi === 0) {
      this.uint(lo);
      return;
    }
    if (hi < 0x200000) {
      const value = hi * 0x100000000 + lo;
      const high = Math.floor(value / 1e9);
      this.reserve(20);
      this.length = putDigits(this.buf, putUint(this.buf, this.length, high), value - high * 1e9, 9);
      return;
    }
    const value = wide(lo, hi, signed);
    const quote = this.bigAsStrings && !Number.isSafeInteger(Number(value)) ? '"' : '';
    this.text(`${quote}${value}${quote}`);
  }

  /** A number of two 32-bit halves as `0x...`, quotes included; negative ones as Python writes them. */
  hex(lo: number, hi: number, signed: boolean): void {
    this.reserve(24);
    const { buf } = this;
    buf[this.length++] = 0x22;
    let low = lo;
    let high = hi;
    if (signed && hi >= 0x80000000) {
      buf[this.length++] = 0x2d;
      low = -lo >>> 0;
      high = (~hi + (lo === 0 ? 1 : 0)) >>> 0;
    }
    buf[this.length++] = 0x30;
    buf[this.length++] = 0x78;
    let started = false;
    for (let shift = 28; shift >= 0; shift -= 4) {
      const digit = (high >>> shift) & 15;
      if (digit !== 0 || started) {
        started = true;
        buf[this.length++] = HEX[digit] as number;
      }
    }
    for (let shift = 28; shift >= 0; shift -= 4) {
      const digit = (low >>> shift) & 15;
      if (digit !== 0 || started || shift === 0) {
        started = true;
        buf[this.length++] = HEX[digit] as number;
      }
    }
    buf[this.length++] = 0x22;
  }

  #unicode(unit: number): void {
    const { buf } = this;
    buf[this.length++] = 0x5c;
    buf[this.length++] = 0x75;
    for (let shift = 12; shift >= 0; shift -= 4) buf[this.length++] = HEX[(unit >>> shift) & 15] as number;
  }

  /** A JSON string of UTF-8 bytes; bytes that are none become lone surrogates (image/utf8.ts). */
  string(bytes: Uint8Array, start = 0, end = bytes.length): void {
    this.byte(0x22);
    for (let i = start; i < end;) {
      this.reserve(16);
      const byte = bytes[i] as number;
      const escape = ESCAPE[byte] as number;
      if (escape === 0) {
        this.buf[this.length++] = byte;
        i++;
      } else if (escape === 1) {
        this.#unicode(byte);
        i++;
      } else if (escape === 2) i += this.#wideCharacter(bytes, i, end);
      else {
        this.buf[this.length++] = 0x5c;
        this.buf[this.length++] = escape;
        i++;
      }
    }
    this.byte(0x22);
  }

  #wideCharacter(bytes: Uint8Array, i: number, end: number): number {
    const a = bytes[i] as number;
    const length = sequenceLength(bytes, i, end);
    const tail = (k: number): number => (bytes[i + k] as number) & 0x3f;
    if (length === 0) {
      this.#unicode(0xdc00 + a);
      return 1;
    }
    if (length === 2) this.#unicode(((a & 0x1f) << 6) | tail(1));
    else if (length === 3) this.#unicode(((a & 0x0f) << 12) | (tail(1) << 6) | tail(2));
    else {
      const point = (((a & 0x07) << 18) | (tail(1) << 12) | (tail(2) << 6) | tail(3)) - 0x10000;
      this.#unicode(0xd800 + (point >>> 10));
      this.#unicode(0xdc00 + (point & 0x3ff));
    }
    return length;
  }

  /** Base64 of whole groups of three bytes, or with padding of what is left over. */
  base64(bytes: Uint8Array, start: number, end: number): void {
    this.reserve(Math.ceil((end - start) / 3) * 4);
    const { buf } = this;
    let at = this.length;
    let i = start;
    for (; i + 2 < end; i += 3) {
      const group = ((bytes[i] as number) << 16) | ((bytes[i + 1] as number) << 8) | (bytes[i + 2] as number);
      buf[at++] = BASE64[group >>> 18] as number;
      buf[at++] = BASE64[(group >>> 12) & 63] as number;
      buf[at++] = BASE64[(group >>> 6) & 63] as number;
      buf[at++] = BASE64[group & 63] as number;
    }
    if (i < end) {
      const group = ((bytes[i] as number) << 16) | ((i + 1 < end ? (bytes[i + 1] as number) : 0) << 8);
      buf[at++] = BASE64[group >>> 18] as number;
      buf[at++] = BASE64[(group >>> 12) & 63] as number;
      buf[at++] = i + 1 < end ? (BASE64[(group >>> 6) & 63] as number) : 0x3d;
      buf[at++] = 0x3d;
    }
    this.length = at;
  }
}

/** The number of two 32-bit halves. */
export const wide = (lo: number, hi: number, signed: boolean): bigint =>
  (BigInt(signed ? hi | 0 : hi) << 32n) | BigInt(lo);
