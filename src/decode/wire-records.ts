import { ImageError } from '../image/errors.js';
import { KIND, WIRE, type FieldDef, type MessageDef } from '../image/message-def.js';
import type { WireReader } from './wire-reader.js';

/** One field as it lies in the bytes of a message. */
export interface WireRecord {
  /** Absent: the schema has no such field. */
  field: FieldDef | undefined;
  /** From the tag on. */
  start: number;
  /** The value: behind tag and length. */
  valueStart: number;
  end: number;
  /** Many numbers in one block. */
  packed: boolean;
  /** Written again from its value alone it would not be the same bytes. */
  odd: boolean;
}

export const emptyRecord = (): WireRecord => ({
  field: undefined,
  start: 0,
  valueStart: 0,
  end: 0,
  packed: false,
  odd: false,
});

/**
 * Reads the next field of the message that r is in, into `record`. Looks at numbers, not into strings or messages.
 * @param damage collects fields of a wire type that they cannot have, which are then passed over; absent: they are thrown
 * @returns false at the end, with `record` as it was
 */
export function nextRecord(r: WireReader, def: MessageDef, record: WireRecord, damage?: ImageError[]): boolean {
  while (r.pos < r.end) {
    const start = r.pos;
    r.odd = false;
    const tag = r.tag();
    const field = def.field(tag >>> 3);
    let packed = false;
    let valueStart = r.pos;
    if (!field) {
      r.skip(tag);
      r.odd = true;
    } else {
      try {
        packed = r.checkWireType(field, tag, start);
      } catch (error) {
        if (!damage || !(error instanceof ImageError)) throw error;
        // Throws when it cannot be told where the next field begins.
        r.skip(tag);
        damage.push(error);
        continue;
      }
      if (packed) {
        const end = r.block(field);
        const outer = r.end;
        valueStart = r.pos;
        r.end = end;
        while (r.pos < end) r.scalar(field);
        r.end = outer;
        if (!field.packed) r.odd = true;
      } else if (field.wireType === WIRE.length) {
        const end = blockEnd(r, field, damage);
        valueStart = r.pos;
        r.pos = end;
      } else {
        r.scalar(field);
        if (field.packed) r.odd = true;
      }
    }
    record.field = field;
    record.start = start;
    record.valueStart = valueStart;
    record.end = r.pos;
    record.packed = packed;
    record.odd = r.odd;
    r.odd = false;
    return true;
  }
  return false;
}

/** End of a string, bytes or message. With `damage`, of a message that is cut off there is what is there. */
function blockEnd(r: WireReader, field: FieldDef, damage: ImageError[] | undefined): number {
  if (!damage || field.kind !== KIND.message) return r.block(field);
  const lengthAt = r.pos;
  try {
    return r.block(field);
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    r.pos = lengthAt;
    r.varint(field);
    damage.push(error);
    return r.end;
  }
}

/** What is known of a message after one look over its fields. */
export interface Survey {
  /** All is where and how it would be written, and nothing is missing. */
  readonly canonical: boolean;
  /** By FieldDef.index: number of records; offset of the first and the last. */
  readonly count: Int32Array;
  readonly first: Int32Array;
  readonly last: Int32Array;
  /** By FieldDef.index: 1 if a record of it is odd. */
  readonly odd: Uint8Array;
  /** Where sound fields end: the message's end, or the damage. */
  readonly soundEnd: number;
  readonly damage: readonly ImageError[];
}

/**
 * Looks over the message in [r.pos, r.end) and leaves r where it was. Takes no memory for its fields.
 * @param tolerant collects damage instead of throwing
 * @param ordered ends where fields stop to come in order: that may be another message
 */
export function survey(r: WireReader, def: MessageDef, tolerant = false, ordered = false): Survey {
  const n = def.fields.length;
  const count = new Int32Array(n);
  const first = new Int32Array(n);
  const last = new Int32Array(n);
  const odd = new Uint8Array(n);
  const damage: ImageError[] = [];
  const begin = r.pos;
  const record = emptyRecord();
  let canonical = true;
  let highest = 0;
  let soundEnd = r.end;
  try {
    while (nextRecord(r, def, record, tolerant ? damage : undefined)) {
      const { field } = record;
      if (!field) {
        canonical = false;
        continue;
      }
      const i = field.index;
      if (ordered && (field.number < highest || (count[i] !== 0 && !field.repeated))) {
        soundEnd = record.start;
        break;
      }
      if (count[i] === 0) first[i] = record.start;
      else if (!field.repeated || field.packed) canonical = false;
      last[i] = record.start;
      count[i] = (count[i] ?? 0) + 1;
      if (record.odd) {
        odd[i] = 1;
        canonical = false;
      }
      if (field.number < highest) canonical = false;
      highest = field.number;
    }
  } catch (error) {
    if (!tolerant || !(error instanceof ImageError)) throw error;
    damage.push(error);
    soundEnd = record.end > begin ? record.end : begin;
  }
  r.pos = begin;
  r.odd = false;
  if (damage.length > 0) canonical = false;
  if (canonical) canonical = def.required.every((field) => count[field.index] !== 0);
  return { canonical, count, first, last, odd, soundEnd, damage };
}

/** A part of a message's layout: see wireItems. */
export interface WireItem {
  /** Absent: bytes that no field claims. */
  readonly field: FieldDef | undefined;
  /** How many values in a row, written plainly; 0: bytes in a form of their own. */
  readonly count: number;
  /** The bytes. */
  readonly start: number;
  readonly end: number;
}

/**
 * Tells the layout of a message that is not canonical, for WIRE_KEY: its fields in the order of the bytes.
 * @param found of survey(); r must be at the start of the message
 */
export function* wireItems(r: WireReader, def: MessageDef, found: Survey): Generator<WireItem, void, undefined> {
  const record = emptyRecord();
  let last: { field: FieldDef | undefined; count: number; start: number; end: number } | undefined;
  while (nextRecord(r, def, record)) {
    const { field, start, end } = record;
    const many = field !== undefined && (found.count[field.index] ?? 0) > 1;
    const raw =
      !field ||
      record.odd ||
      (many && (!field.repeated || field.packed)) ||
      (!field.repeated && found.odd[field.index] === 1);
    if (last?.field === field && (field ? !raw && (last?.count ?? 0) > 0 : last !== undefined)) {
      if (last && field) last.count++;
      if (last) last.end = end;
      continue;
    }
    if (last) yield last;
    last = { field, count: raw ? 0 : 1, start, end };
  }
  if (last) yield last;
}

/**
 * An item as it stands in WIRE_KEY: `name` is the (next) value of a field, `name*3` the next three, `name=HEX` bytes that hold
 * the field in a form of their own, `=HEX` bytes that no field claims.
 */
export function itemText(r: WireReader, item: WireItem): string {
  const name = item.field?.name ?? '';
  if (item.count > 0) return item.count === 1 ? name : `${name}*${item.count}`;
  return `${name}=${Buffer.from(r.buf.buffer, r.buf.byteOffset + item.start, item.end - item.start).toString('hex')}`;
}
