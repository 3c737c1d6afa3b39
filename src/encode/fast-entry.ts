import { KIND, SHOW, type FieldDef, type MessageDef } from '../image/message-def.js';
import { EncodePlace } from './encode-place.js';
import { scalarFromJson } from './from-json-scalar.js';
import type { JsonReader } from './json-reader.js';
import type { WireWriter } from './wire-writer.js';

/** Text that an entry of plain numbers does not exceed. */
const ENTRY_BYTES = 4096;
const MAX_CACHED = 4096;

/** Digits that a double holds exactly. */
const EXACT_DIGITS = 15;

const plain = (field: FieldDef): boolean =>
  !field.repeated &&
  field.number < 16 &&
  (field.kind === KIND.uint32 || field.kind === KIND.uint64 || field.kind === KIND.bool);

/** Messages of a few unsigned numbers: of such there may be millions (pagemap_entry). */
export function isPlain(def: MessageDef): boolean {
  return def.fields.length <= 16 && def.fields.every(plain);
}

/**
 * Encodes entries of plain numbers straight from their text, as long as it is as decode or show print it (keys in order,
 * unsigned numbers, hex, flags). All else is left to the thorough way, which also does the complaining.
 */
export class FastEntry {
  readonly #reader: JsonReader;
  readonly #fields: readonly FieldDef[];
  readonly #required: number;
  readonly #keys: readonly Uint8Array[];
  /** Numbers of strings (flags) met before, by field. */
  readonly #words: readonly Map<string, number>[];
  #value = 0;

  constructor(reader: JsonReader, def: MessageDef) {
    this.#reader = reader;
    this.#fields = def.fields;
    this.#required = def.required.length;
    this.#keys = def.fields.map((field) => Uint8Array.from(Buffer.from(`"${field.name}"`, 'latin1')));
    this.#words = def.fields.map(() => new Map<string, number>());
  }

  /** Takes an entry from the reader and appends it with its size. @returns false: not that simple, and nothing was taken */
  encode(w: WireWriter): boolean {
    const reader = this.#reader;
    reader.peek();
    reader.fill(ENTRY_BYTES);
    const { buf } = reader;
    const fields = this.#fields;
    const start = w.length;
    w.reserve(4 + 11 * fields.length);
    const out = w.buf;
    let length = start + 4;
    let p = reader.pos;
    if (buf[p] !== 0x7b) return false;
    p++;
    let next = 0;
    let required = 0;
    for (;;) {
      while (buf[p] === 0x20 || buf[p] === 0x0a) p++;
      while (next < fields.length && !matches(buf, p, this.#keys[next] as Uint8Array)) next++;
      if (next === fields.length) return false;
      p += (this.#keys[next] as Uint8Array).length;
      const field = fields[next] as FieldDef;
      if (buf[p] === 0x20) p++;
      if (buf[p] !== 0x3a) return false;
      p++;
      if (buf[p] === 0x20) p++;
      p = this.#take(buf, p, field, next);
      if (p < 0) return false;
      next++;
      if (field.required) required++;
      out[length++] = field.tag;
      let value = this.#value;
      // Up to 2^53: the upper part by division, the rest by shifts.
      while (value > 0x7fffffff) {
        const upper = Math.floor(value / 128);
        out[length++] = (value - upper * 128) | 0x80;
        value = upper;
      }
      while (value > 0x7f) {
        out[length++] = (value & 0x7f) | 0x80;
        value >>>= 7;
      }
      out[length++] = value;
      while (buf[p] === 0x20 || buf[p] === 0x0a) p++;
      if (buf[p] === 0x7d) break;
      if (buf[p] !== 0x2c) return false;
      p++;
    }
    if (required !== this.#required || p >= reader.end) return false;
    const size = length - start - 4;
    out[start] = size & 0xff;
    out[start + 1] = size >> 8;
    out[start + 2] = 0;
    out[start + 3] = 0;
    w.length = length;
    reader.pos = p + 1;
    return true;
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
      let value = 0;
      let digit = first - 0x30;
      do {
        value = value * 10 + digit;
        digit = (buf[++p] as number) - 0x30;
      } while (digit >= 0 && digit <= 9);
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
