import { KIND, SHOW, type FieldDef, type MessageDef } from '../image/message-def.js';
import { WordText } from '../image/word-text.js';
import { EncodePlace } from './encode-place.js';
import { scalarFromJson } from './from-json-scalar.js';
import type { JsonReader } from './json-reader.js';
import type { WireWriter } from './wire-writer.js';

/** Text that an entry of plain numbers does not exceed. */
const ENTRY_BYTES = 4096;
const MAX_CACHED = 4096;

/** Digits that a double holds exactly. */
const EXACT_DIGITS = 15;

/**
 * Encodes entries of plain numbers straight from their text, as long as it is as decode or show print it (keys in order,
 * unsigned numbers, hex, flags). All else is left to the thorough way, which also does the complaining.
 */
export class FastEntry {
  readonly #reader: JsonReader;
  readonly #fields: readonly FieldDef[];
  readonly #required: number;
  readonly #keys: readonly WordText[];
  /** Numbers of strings (flags) met before, by field. */
  readonly #words: readonly Map<string, number>[];
  /** Of the reader's window. */
  #view: DataView = new DataView(new ArrayBuffer(0));
  #value = 0;
  /** Where the entry that was put last ends in the writer. */
  #written = 0;

  constructor(reader: JsonReader, def: MessageDef) {
    this.#reader = reader;
    this.#fields = def.fields;
    this.#required = def.required.length;
    this.#keys = def.fields.map((field) => new WordText(Buffer.from(`"${field.name}"`, 'latin1')));
    this.#words = def.fields.map(() => new Map<string, number>());
  }

  /**
   * Takes entries from the reader and appends each with its size: the one that the reader is before, and those behind it that
   * are in the window.
   * @returns how many; 0: the first is not that simple, and nothing was taken
   */
  encode(w: WireWriter): number {
    const reader = this.#reader;
    reader.peek();
    reader.fill(ENTRY_BYTES);
    const { buf, end } = reader;
    if (buf.buffer !== this.#view.buffer) this.#view = new DataView(buf.buffer);
    let at = reader.pos;
    for (let count = 0; ; count++) {
      const behind = this.#entry(w, buf, at);
      // what ends the window may be a part of something else
      if (behind < 0 || behind > end) return count;
      w.length = this.#written;
      reader.pos = behind;
      at = behind;
      if (buf[at] !== 0x2c || end - at < ENTRY_BYTES) return count + 1;
      at++;
      while (buf[at] === 0x20 || buf[at] === 0x0a) at++;
    }
  }

  /** Puts the entry at buf[at] behind what w holds. @returns where it ends, -1 if it is not simple */
  #entry(w: WireWriter, buf: Uint8Array, at: number): number {
    const fields = this.#fields;
    const start = w.length;
    w.reserve(4 + 11 * fields.length);
    const out = w.buf;
    const view = this.#view;
    let length = start + 4;
    let p = at;
    if (buf[p] !== 0x7b) return -1;
    p++;
    let next = 0;
    let required = 0;
    for (;;) {
      while (buf[p] === 0x20 || buf[p] === 0x0a) p++;
      while (next < fields.length && !(this.#keys[next] as WordText).standsAt(view, p)) next++;
      if (next === fields.length) return -1;
      p += (this.#keys[next] as WordText).length;
      const field = fields[next] as FieldDef;
      if (buf[p] === 0x20) p++;
      if (buf[p] !== 0x3a) return -1;
      p++;
      if (buf[p] === 0x20) p++;
      p = this.#take(buf, p, field, next);
      if (p < 0) return -1;
      next++;
      if (field.required) required++;
      out[length++] = field.tag;
      // Up to 2^53: what is above 28 bits by division, the rest by shifts.
      let value = this.#value;
      if (value >= 0x10000000) {
        const upper = Math.floor(value / 0x10000000);
        const lower = value - upper * 0x10000000;
        out[length] = (lower & 0x7f) | 0x80;
        out[length + 1] = ((lower >>> 7) & 0x7f) | 0x80;
        out[length + 2] = ((lower >>> 14) & 0x7f) | 0x80;
        out[length + 3] = (lower >>> 21) | 0x80;
        length += 4;
        value = upper;
      }
      let rest = value | 0;
      while (rest > 0x7f) {
        out[length++] = (rest & 0x7f) | 0x80;
        rest >>>= 7;
      }
      out[length++] = rest;
      while (buf[p] === 0x20 || buf[p] === 0x0a) p++;
      if (buf[p] === 0x7d) break;
      if (buf[p] !== 0x2c) return -1;
      p++;
    }
    if (required !== this.#required) return -1;
    const size = length - start - 4;
    out[start] = size & 0xff;
    out[start + 1] = size >> 8;
    out[start + 2] = 0;
    out[start + 3] = 0;
    this.#written = length;
    return p + 1;
  }

  /** Takes a value. @returns where it ends, -1 if it is not simple */
  #take(buf: Uint8Array, at: number, field: FieldDef, index: number): number {
    let p = at;
    const first = buf[p] as number;
    if (field.kind === KIND.bool) {
      if (matches(buf, p, TRUE)) this.#value = 1;
      else if (matches(buf, p, FALSE)) this.#value = 0;
      else return -1;
      return p + (this.#value === 1 ? 4 : 5);
    }
    if (first >= 0x30 && first <= 0x39) {
      let value = first - 0x30;
      let digit = (buf[++p] as number) - 0x30;
      while (digit >= 0 && digit <= 9 && p - at < 9) {
        value = ((value * 10) | 0) + digit;
        digit = (buf[++p] as number) - 0x30;
      }
      while (digit >= 0 && digit <= 9) {
        value = value * 10 + digit;
        digit = (buf[++p] as number) - 0x30;
      }
      if (p - at > EXACT_DIGITS || (first === 0x30 && p - at > 1)) return -1;
      // A fraction or exponent.
      if (buf[p] === 0x2e || ((buf[p] as number) | 0x20) === 0x65) return -1;
      if (field.kind === KIND.uint32 && value > 0xffffffff) return -1;
      this.#value = value;
      return p;
    }
    if (first !== 0x22) return -1;
    p++;
    if (field.show === SHOW.plain && buf[p] === 0x30 && buf[p + 1] === 0x78) {
      p += 2;
      const digits = p;
      let value = 0;
      for (;;) {
        const byte = buf[p] as number;
        let digit = byte - 0x30;
        if (digit > 9) digit = byte >= 0x61 ? byte - 0x57 : -1;
        if (digit < 0 || digit > 15) break;
        value = value * 16 + digit;
        p++;
      }
      if (p === digits || p - digits > 13 || buf[p] !== 0x22) return -1;
      if (field.kind === KIND.uint32 && value > 0xffffffff) return -1;
      this.#value = value;
      return p + 1;
    }
    return this.#word(buf, p, field, index);
  }

  #word(buf: Uint8Array, at: number, field: FieldDef, index: number): number {
    let p = at;
    while (buf[p] !== 0x22) if ((buf[p++] as number) < 0x20 || p - at > 200) return -1;
    const text = Buffer.from(buf.buffer, at, p - at).toString('latin1');
    const words = this.#words[index] as Map<string, number>;
    let value = words.get(text);
    if (value === undefined) {
      if (text.includes('\\')) return -1;
      try {
        value = Number(scalarFromJson(field, text, new EncodePlace()));
      } catch {
        return -1;
      }
      if (!Number.isSafeInteger(value) || value < 0 || words.size >= MAX_CACHED) return -1;
      words.set(text, value);
    }
    this.#value = value;
    return p + 1;
  }
}

const TRUE = Uint8Array.from(Buffer.from('true'));
const FALSE = Uint8Array.from(Buffer.from('false'));

function matches(buf: Uint8Array, at: number, text: Uint8Array): boolean {
  for (let i = 0; i < text.length; i++) if (buf[at + i] !== text[i]) return false;
  return true;
}
