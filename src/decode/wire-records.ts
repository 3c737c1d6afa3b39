import type { ImageError } from '../image/errors.js';
import { ImageError as ImageFailure } from '../image/errors.js';
import { WIRE, type FieldDef, type MessageDef } from '../image/message-def.js';
import type { WireReader } from './wire-reader.js';

/** One field as it lies in the bytes of a message. */
export interface WireRecord {
  /** Absent: the schema has no such field. */
  readonly field: FieldDef | undefined;
  /** From the tag on. */
  readonly start: number;
  /** The value: behind tag and length. */
  readonly valueStart: number;
  readonly end: number;
  /** Many numbers in one block. */
  readonly packed: boolean;
  /** Written again from its value alone it would not be the same bytes. */
  readonly odd: boolean;
}

export interface WireRecords {
  readonly records: readonly WireRecord[];
  /** All is where and how it would be written, and nothing is missing. */
  readonly canonical: boolean;
  /** Set when reading went on tolerantly after something unsound. */
  readonly damage: readonly ImageError[];
}

/**
 * Lists the fields of the message in [r.pos, r.end), in the order of the bytes. Looks at numbers, not into strings or
 * messages.
 * @param tolerant collects damage, and lists what is sound, instead of throwing
 */
export function collectRecords(r: WireReader, def: MessageDef, tolerant = false): WireRecords {
  const records: WireRecord[] = [];
  const damage: ImageError[] = [];
  const seen = new Uint8Array(def.fields.length);
  let canonical = true;
  let highest = 0;
  while (r.pos < r.end) {
    const start = r.pos;
    try {
      r.odd = false;
      const tag = r.tag();
      const field = def.field(tag >>> 3);
      if (!field) {
        r.skip(tag);
        records.push({ field: undefined, start, valueStart: start, end: r.pos, packed: false, odd: true });
        canonical = false;
        continue;
      }
      let packed = false;
      try {
        packed = r.checkWireType(field, tag, start);
      } catch (error) {
        if (!tolerant || !(error instanceof ImageFailure)) throw error;
        // Where the next field begins is known all the same.
        damage.push(error);
        r.skip(tag);
        continue;
      }
      let valueStart = r.pos;
      if (packed) {
        const end = r.block(field);
        valueStart = r.pos;
        const outer = r.end;
        r.end = end;
        while (r.pos < end) r.scalar(field);
        r.end = outer;
        if (!field.packed) r.odd = true;
      } else if (field.wireType === WIRE.length) {
        const end = r.block(field);
        valueStart = r.pos;
        r.pos = end;
      } else {
        r.scalar(field);
        if (field.packed) r.odd = true;
      }
      records.push({ field, start, valueStart, end: r.pos, packed, odd: r.odd });
      if (r.odd || field.number < highest || (seen[field.index] === 1 && (!field.repeated || field.packed))) canonical = false;
      highest = field.number;
      seen[field.index] = 1;
    } catch (error) {
      if (!tolerant || !(error instanceof ImageFailure)) throw error;
      damage.push(error);
      break;
    }
  }
  r.odd = false;
  if (canonical) canonical = def.required.every((field) => seen[field.index] === 1);
  return { records, canonical, damage };
}

const hex = (r: WireReader, start: number, end: number): string =>
  Buffer.from(r.buf.buffer, r.buf.byteOffset + start, end - start).toString('hex');

/**
 * Tells the layout of a message that is not canonical, for WIRE_KEY: its fields in the order of the bytes. `name` stands for
 * the (next) value of a field written plainly, `name*3` for three, `name=HEX` for bytes that hold the field in a form of their
 * own, `=HEX` for bytes that no field claims.
 */
export function wireItems(r: WireReader, def: MessageDef, records: readonly WireRecord[]): string[] {
  const count = new Int32Array(def.fields.length);
  for (const { field } of records) if (field) count[field.index] = (count[field.index] ?? 0) + 1;
  const anyOdd = new Uint8Array(def.fields.length);
  for (const { field, odd } of records) if (field && odd) anyOdd[field.index] = 1;
  const items: string[] = [];
  for (let i = 0; i < records.length; i++) {
    const record = records[i];
    if (!record) break;
    const { field } = record;
    if (!field) {
      let last = record;
      for (let next = records[i + 1]; next && !next.field; next = records[++i + 1]) last = next;
      items.push(`=${hex(r, record.start, last.end)}`);
      continue;
    }
    const many = (count[field.index] ?? 0) > 1;
    const own = record.odd || (!field.repeated && many) || (field.packed && many);
    if (own || (!field.repeated && anyOdd[field.index] === 1)) {
      items.push(`${field.name}=${hex(r, record.start, record.end)}`);
      continue;
    }
    let run = 1;
    if (!field.packed) for (let next = records[i + 1]; next?.field === field && !next.odd; next = records[++i + 1]) run++;
    items.push(run === 1 ? field.name : `${field.name}*${run}`);
  }
  return items;
}
