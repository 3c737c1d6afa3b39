import { KIND, type FieldDef, type MessageDef } from '../image/message-def.js';
import { WordText } from '../image/word-text.js';
import { putDigits, putUint, type TextOut } from './text-out.js';

/** A field, with the text before its value. */
interface PlainField {
  readonly index: number;
  readonly kind: number;
  readonly required: boolean;
  /** `"name": `, which stands behind `, ` unless the field is the first. */
  readonly key: WordText;
}

const SIZE_BYTES = 4;
/** A value's digits, and the punctuation around them. */
const VALUE_BYTES = 20;
const TRUE = Uint8Array.from(Buffer.from('true'));
const FALSE = Uint8Array.from(Buffer.from('false'));

/**
 * Prints entries of plain messages (image/plain-message.ts) that follow one another, on one line each. An entry that is not as
 * it would be written again (canonical, below 2^53) is left, with all behind it, to the thorough way (print-message.ts).
 */
export class PlainEntries {
  readonly #out: TextOut;
  readonly #byTag: (PlainField | undefined)[] = Array.from({ length: 128 }, () => undefined);
  readonly #required: number;
  /** The longest text of an entry. */
  readonly #textBytes: number;
  /** Of the text in the making. */
  #view: DataView = new DataView(new ArrayBuffer(0));

  constructor(out: TextOut, def: MessageDef) {
    this.#out = out;
    this.#required = def.required.length;
    let text = 8;
    for (const field of def.fields) {
      this.#byTag[field.tag] = plainField(field);
      text += field.jsonKey.length + VALUE_BYTES;
    }
    this.#textBytes = text;
  }

  /**
   * Prints what entries are whole in buf[start, end), each behind a comma.
   * @returns how many they were and where the next one begins
   */
  print(buf: Uint8Array, start: number, end: number): { count: number; at: number } {
    const out = this.#out;
    let at = start;
    let count = 0;
    this.#view = viewOf(out.buf);
    while (at + SIZE_BYTES <= end) {
      const from = at + SIZE_BYTES;
      const size = (buf[at] as number) | ((buf[at + 1] as number) << 8);
      if (size === 0 || from + size > end || ((buf[at + 2] as number) | (buf[at + 3] as number)) !== 0) break;
      out.settle();
      out.reserve(this.#textBytes);
      if (out.buf.buffer !== this.#view.buffer) this.#view = viewOf(out.buf);
      const length = this.#entry(buf, from, from + size, out.buf, out.length);
      if (length < 0) break;
      out.length = length;
      at = from + size;
      count++;
    }
    return { count, at };
  }

  /** @returns where the text ends, -1 if the entry is another matter; then what was put there does not count */
  #entry(buf: Uint8Array, from: number, to: number, text: Uint8Array, start: number): number {
    const view = this.#view;
    let put = start;
    text[put++] = 0x2c;
    text[put++] = 0x20;
    text[put++] = 0x7b;
    let required = 0;
    let next = 0;
    for (let at = from; at < to;) {
      const field = this.#byTag[buf[at++] as number];
      if (field === undefined || field.index < next) return -1;
      if (next > 0) {
        text[put++] = 0x2c;
        text[put++] = 0x20;
      }
      next = field.index + 1;
      if (field.required) required++;
      field.key.put(view, put);
      put += field.key.length;
      if (at >= to) return -1;
      let byte = buf[at++] as number;
      let value = byte & 0x7f;
      if (byte >= 0x80) {
        let scale = 128;
        do {
          if (at >= to) return -1;
          byte = buf[at++] as number;
          value += (byte & 0x7f) * scale;
          scale *= 128;
        } while (byte >= 0x80);
        if (byte === 0 || value > Number.MAX_SAFE_INTEGER) return -1;
      }
      if (field.kind === KIND.bool) {
        if (value > 1) return -1;
        const word = value === 1 ? TRUE : FALSE;
        text.set(word, put);
        put += word.length;
      } else if (value < 1e9) put = putUint(text, put, value);
      else {
        if (field.kind === KIND.uint32 && value > 0xffffffff) return -1;
        const high = Math.floor(value / 1e9);
        put = putDigits(text, putUint(text, put, high), value - high * 1e9, 9);
      }
    }
    if (required !== this.#required) return -1;
    text[put++] = 0x7d;
    return put;
  }
}

const viewOf = ({ buffer, byteOffset, length }: Uint8Array): DataView => new DataView(buffer, byteOffset, length);

const plainField = ({ index, kind, required, jsonKey }: FieldDef): PlainField => ({
  index,
  kind,
  required,
  key: new WordText(jsonKey),
});
