import { DAMAGE_KEY, WIRE_KEY } from '../image/entry.js';
import type { ImageError } from '../image/errors.js';
import { KIND, WIRE, type FieldDef, type MessageDef } from '../image/message-def.js';
import { CLOSE_LIST, CLOSE_OBJECT, OPEN_LIST, OPEN_OBJECT, type JsonLayout } from './json-layout.js';
import { addressText, printBytes, printNumber } from './print-scalar.js';
import { emptyRecord, itemText, nextRecord, survey, wireItems, type Survey } from './wire-records.js';
import type { WireReader } from './wire-reader.js';

/** A message up to this size is printed before it is known to be canonical; if it is not, its text is taken back. */
const OPTIMISTIC_BYTES = 16 * 1024;

export interface PrintStyle {
  /** Numbers as `crit show` has them. */
  readonly show: boolean;
  /** Gets what is unsound; without it, it is thrown. */
  readonly onDamage?: ((error: ImageError) => void) | undefined;
}

/**
 * Prints messages straight from their bytes: no object is made of them, so memory does not grow with them. A message whose
 * bytes are what would be written of its fields is printed in one pass, any other with a survey first.
 */
export class MessagePrinter {
  readonly layout: JsonLayout;
  readonly r: WireReader;
  readonly #style: PrintStyle;
  #told: ImageError | undefined;

  constructor(layout: JsonLayout, r: WireReader, style: PrintStyle) {
    this.layout = layout;
    this.r = r;
    this.#style = style;
  }

  get tolerant(): boolean {
    return this.#style.onDamage !== undefined;
  }

  /** Prints the message in [r.pos, end) with its braces; leaves r at its end. */
  message(def: MessageDef, end: number, show: boolean, hex: boolean): void {
    const { r } = this;
    const outerEnd = r.end;
    this.layout.open(OPEN_OBJECT);
    r.end = end;
    const empty = this.#members(def, end, show, hex);
    r.pos = end;
    r.end = outerEnd;
    this.layout.close(CLOSE_OBJECT, empty);
  }

  /**
   * Prints the members of an entry's message alone.
   * @param broken why the message ends before its end (told already)
   * @returns true when there are none
   */
  members(def: MessageDef, end: number, broken?: ImageError): boolean {
    const { r } = this;
    const outerEnd = r.end;
    r.end = end;
    let empty;
    if (broken) {
      const found = survey(r, def, true, true);
      this.#told = broken;
      empty = this.#surveyed(def, { ...found, canonical: false, damage: [broken] }, this.#style.show, false);
    } else empty = this.#members(def, end, this.#style.show, false);
    r.pos = end;
    r.end = outerEnd;
    return empty;
  }

  #members(def: MessageDef, end: number, show: boolean, hex: boolean): boolean {
    const { r } = this;
    const { out } = this.layout;
    const start = r.pos;
    if (this.#style.onDamage) return this.#surveyed(def, survey(r, def, true), show, hex);
    if (end - start > OPTIMISTIC_BYTES) {
      const found = survey(r, def);
      if (found.canonical) return this.#straight(def, end, show, hex) === 1;
      return this.#surveyed(def, found, show, hex);
    }
    const { depth } = this.layout;
    const mark = out.length;
    out.held++;
    const state = this.#straight(def, end, show, hex);
    out.held--;
    if (state >= 0) return state === 1;
    out.length = mark;
    this.layout.depth = depth;
    r.pos = start;
    return this.#surveyed(def, survey(r, def), show, hex);
  }

  /** Prints as the bytes come. @returns 1: nothing there, 0: done, -1: the message is not canonical */
  #straight(def: MessageDef, end: number, show: boolean, hex: boolean): -1 | 0 | 1 {
    const { r, layout } = this;
    const { out } = layout;
    let current: FieldDef | undefined;
    /** Required fields that came. */
    let required = 0;
    let index = 0;
    let first = true;
    r.even();
    while (r.pos < end) {
      const at = r.pos;
      const tag = r.tag();
      const field = def.field(tag >>> 3);
      if (!field || r.isOdd()) return -1;
      if (tag !== field.tag) {
        r.checkWireType(field, tag, at);
        return -1;
      }
      if (field !== current) {
        if (current !== undefined) {
          if (field.number < current.number) return -1;
          if (current.repeated && !(show && current.ip)) layout.close(CLOSE_LIST, false);
        }
        current = field;
        index = 0;
        layout.next(first);
        first = false;
        out.bytes(field.jsonKey);
        if (field.required) required++;
        if (field.repeated) {
          if (field.packed) return -1;
          if (show && field.ip) {
            this.#addresses(field, end);
            if (r.isOdd()) return -1;
            continue;
          }
          layout.open(OPEN_LIST);
        }
      } else if (!field.repeated || (show && field.ip)) return -1;
      if (field.repeated) {
        layout.next(index === 0);
        index++;
      }
      if (field.wireType !== WIRE.length) {
        r.scalar(field);
        if (r.isOdd()) return -1;
        printNumber(out, r, field, show, hex);
        continue;
      }
      const blockEnd = r.block(field);
      if (r.isOdd()) return -1;
      if (field.kind === KIND.message) {
        r.enter(field, field.repeated ? index - 1 : -1);
        this.message(field.message, blockEnd, show, hex || field.hex);
        r.leave();
        r.even();
      } else {
        printBytes(out, r.buf, r.pos, blockEnd, field);
        r.pos = blockEnd;
      }
    }
    if (required !== def.required.length) return -1;
    if (current?.repeated && !(show && current.ip)) layout.close(CLOSE_LIST, false);
    return first ? 1 : 0;
  }

  /** Prints a list of one address, whose first tag has been read; any other list as it is. */
  #addresses(field: FieldDef, end: number): void {
    const { r } = this;
    const words: number[] = [];
    for (;;) {
      r.scalar(field);
      words.push(r.lo);
      const at = r.pos;
      if (at >= end) break;
      if (r.tag() !== field.tag) {
        r.pos = at;
        break;
      }
    }
    this.#addressList(words);
  }

  #addressList(words: readonly number[]): void {
    const { layout } = this;
    const text = addressText(words);
    layout.open(OPEN_LIST);
    if (text !== undefined) {
      layout.next(true);
      layout.out.text(`"${text}"`);
    } else {
      words.forEach((word, i) => {
        layout.next(i === 0);
        layout.out.uint(word);
      });
    }
    layout.close(CLOSE_LIST, words.length === 0);
  }

  /** Prints a message that has been looked over: field by field, then what the fields do not tell. */
  #surveyed(def: MessageDef, found: Survey, show: boolean, hex: boolean): boolean {
    const { r, layout } = this;
    const start = r.pos;
    const { end } = r;
    for (const error of found.damage) if (error !== this.#told) this.#style.onDamage?.(error);
    const ignored: ImageError[] | undefined = this.#style.onDamage ? [] : undefined;
    r.end = found.soundEnd;
    let first = true;
    for (const field of def.fields) {
      const count = found.count[field.index] ?? 0;
      if (count === 0) continue;
      if (field.repeated && this.#isEmpty(def, field, found, ignored)) continue;
      layout.next(first);
      first = false;
      layout.out.bytes(field.jsonKey);
      r.pos = (field.repeated ? found.first[field.index] : found.last[field.index]) ?? start;
      if (field.repeated) this.#list(def, field, count, show, hex, ignored);
      else if (field.kind === KIND.message && count > 1) this.#pieces(def, field, found, show, hex, ignored);
      else {
        const record = emptyRecord();
        nextRecord(r, def, record, ignored);
        this.#value(field, record.valueStart, record.end, -1, show, hex);
      }
      r.end = found.soundEnd;
    }
    if (found.damage.length > 0) {
      layout.key(DAMAGE_KEY, first);
      layout.string(found.damage.map((error) => `offset ${error.offsetBytes ?? 0}: ${error.reason}`).join('; '));
      first = false;
    } else if (!found.canonical) {
      r.pos = start;
      this.#wire(def, found, first);
      first = false;
    }
    r.pos = end;
    r.end = end;
    return first;
  }

  /** A repeated field that came only in empty blocks has no value. */
  #isEmpty(def: MessageDef, field: FieldDef, found: Survey, ignored: ImageError[] | undefined): boolean {
    if (found.odd[field.index] !== 1 || field.wireType === WIRE.length) return false;
    const { r } = this;
    const record = emptyRecord();
    r.pos = found.first[field.index] ?? 0;
    while (nextRecord(r, def, record, ignored)) {
      if (record.field === field && (!record.packed || record.end > record.valueStart)) return false;
    }
    return true;
  }

  #value(field: FieldDef, start: number, end: number, index: number, show: boolean, hex: boolean): void {
    const { r, layout } = this;
    r.pos = start;
    if (field.wireType !== WIRE.length) {
      r.scalar(field);
      printNumber(layout.out, r, field, show, hex);
    } else if (field.kind === KIND.message) {
      r.enter(field, index);
      this.message(field.message, end, show, hex || field.hex);
      r.leave();
    } else printBytes(layout.out, r.buf, start, end, field);
    r.pos = end;
    r.even();
  }

  #list(
    def: MessageDef,
    field: FieldDef,
    count: number,
    show: boolean,
    hex: boolean,
    ignored: ImageError[] | undefined,
  ): void {
    const { r, layout } = this;
    const record = emptyRecord();
    const words: number[] | undefined = show && field.ip ? [] : undefined;
    let index = 0;
    if (!words) layout.open(OPEN_LIST);
    for (let left = count; left > 0 && nextRecord(r, def, record, ignored);) {
      if (record.field !== field) continue;
      left--;
      const next = record.end;
      r.pos = record.valueStart;
      // A packed block holds as many values as it holds, any other record one.
      while (record.packed ? r.pos < next : r.pos <= next) {
        if (!words) layout.next(index === 0);
        if (words || record.packed) r.scalar(field);
        if (words) words.push(r.lo);
        else if (record.packed) printNumber(layout.out, r, field, show, hex);
        else this.#value(field, record.valueStart, next, index, show, hex);
        index++;
        if (!record.packed) break;
      }
      r.pos = next;
    }
    if (words) this.#addressList(words);
    else layout.close(CLOSE_LIST, index === 0);
    r.even();
  }

  /** A message that came in pieces is what all of them tell together. */
  #pieces(
    def: MessageDef,
    field: FieldDef,
    found: Survey,
    show: boolean,
    hex: boolean,
    ignored: ImageError[] | undefined,
  ): void {
    const { r } = this;
    const parts: Uint8Array[] = [];
    const record = emptyRecord();
    r.pos = found.first[field.index] ?? 0;
    while (nextRecord(r, def, record, ignored)) {
      if (record.field === field) parts.push(r.buf.subarray(record.valueStart, record.end));
    }
    const { buf, pos, end } = r;
    r.buf = Buffer.concat(parts);
    r.pos = 0;
    r.end = r.buf.length;
    r.enter(field, -1);
    this.message(field.message, r.buf.length, show, hex || field.hex);
    r.leave();
    Object.assign(r, { buf, pos, end });
  }

  #wire(def: MessageDef, found: Survey, first: boolean): void {
    const { r, layout } = this;
    const { out } = layout;
    layout.key(WIRE_KEY, first);
    layout.open(OPEN_LIST);
    let empty = true;
    for (const item of wireItems(r, def, found)) {
      layout.next(empty);
      empty = false;
      if (item.count > 0) {
        out.text(`"${itemText(r, item)}"`);
        continue;
      }
      out.text(`"${item.field?.name ?? ''}=`);
      for (let at = item.start; at < item.end; at += 4096) {
        const to = Math.min(item.end, at + 4096);
        out.text(Buffer.from(r.buf.buffer, r.buf.byteOffset + at, to - at).toString('hex'));
      }
      out.byte(0x22);
    }
    layout.close(CLOSE_LIST, empty);
  }
}
