import { decodeBody } from '../decode/decode-message.js';
import { WireReader } from '../decode/wire-reader.js';
import { emptyRecord, nextRecord } from '../decode/wire-records.js';
import { WIRE_KEY } from '../image/entry.js';
import type { FieldDef, MessageDef } from '../image/message-def.js';
import { described, type EncodePlace } from './encode-place.js';
import { listOf, refuseUnknown, writeElements, writeField } from './encode-message.js';
import type { WireWriter } from './wire-writer.js';

type Message = Readonly<Record<string, unknown>>;

/** An item of WIRE_KEY, parsed: see wireItems in src/decode/wire-records.ts. */
interface Item {
  /** Absent: bytes that no field claims. */
  readonly field: FieldDef | undefined;
  readonly count: number;
  /** Absent: the value is written plainly. */
  readonly raw: Uint8Array | undefined;
}

const ITEM = /^(\w*)(?:=((?:[0-9a-fA-F]{2})*)|\*([1-9]\d{0,8}))?$/;

function parseItem(def: MessageDef, item: unknown, place: EncodePlace): Item {
  const match = typeof item === 'string' ? ITEM.exec(item) : null;
  if (!match) place.fail(`expected "name", "name*3" or "name=bytes in hex", got ${described(item)}`);
  const [, name = '', hex, times] = match;
  const field = name === '' ? undefined : (def.byName.get(name) ?? place.fail(`${def.name} has no field ${name}`));
  if (!field && hex === undefined) place.fail('an item without a name needs bytes');
  const raw = hex === undefined ? undefined : Buffer.from(hex, 'hex');
  if (raw) checkRaw(def, field, raw, place);
  return { field, count: times === undefined ? 1 : Number(times), raw };
}

/** What is written as it stands must be what it says: records of that field, or of none that the schema has. */
function checkRaw(def: MessageDef, field: FieldDef | undefined, raw: Uint8Array, place: EncodePlace): void {
  const r = new WireReader(raw);
  const record = emptyRecord();
  const next = (): boolean => {
    try {
      return nextRecord(r, def, record);
    } catch (error) {
      return place.fail(`is no sound protobuf: ${(error as Error).message}`, error);
    }
  };
  while (next()) {
    if (record.field !== field)
      place.fail(`holds ${record.field ? `the field ${record.field.name}` : 'an unknown field'}`);
  }
}

/** What a reader would take from bytes that hold occurrences of one field. */
function valueOfRaw(def: MessageDef, field: FieldDef, raws: readonly Uint8Array[]): unknown {
  const bytes = Buffer.concat(raws);
  return decodeBody(new WireReader(bytes), def, bytes.length)[field.name];
}

/** Deep equality of decoded values; integers are compared by value, number or bigint. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if ((typeof a === 'bigint' && typeof b === 'number') || (typeof a === 'number' && typeof b === 'bigint'))
    return a == b;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (a instanceof Uint8Array || b instanceof Uint8Array) {
    return a instanceof Uint8Array && b instanceof Uint8Array && Buffer.compare(a, b) === 0;
  }
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, i) => sameValue(item, b[i]));
  }
  const keys = Object.keys(a).filter((key) => (a as Message)[key] !== undefined);
  const others = Object.keys(b).filter((key) => (b as Message)[key] !== undefined);
  return keys.length === others.length && keys.every((key) => sameValue((a as Message)[key], (b as Message)[key]));
}

/**
 * Writes a message in the layout it was read in. A field that has another value than its bytes in the layout hold has been
 * edited: its value is written plainly in their place.
 */
export function encodeLaidOut(
  w: WireWriter,
  def: MessageDef,
  message: Message,
  layout: unknown,
  place: EncodePlace,
): void {
  refuseUnknown(def, message, place);
  place.push(WIRE_KEY);
  if (!Array.isArray(layout)) place.fail(`expected a list, got ${described(layout)}`);
  const items: Item[] = [];
  for (const [i, item] of (layout as unknown[]).entries()) {
    place.push(i);
    items.push(parseItem(def, item, place));
    place.pop();
  }
  place.pop();

  const lastOf = new Map<FieldDef, Item>();
  const rawsOf = new Map<FieldDef, Uint8Array[]>();
  for (const item of items) {
    if (!item.field) continue;
    lastOf.set(item.field, item);
    if (!item.raw) continue;
    const raws = rawsOf.get(item.field);
    if (raws) raws.push(item.raw);
    else rawsOf.set(item.field, [item.raw]);
  }
  /** Singular fields that still have the value of their bytes. */
  const kept = new Set<FieldDef>();
  for (const [field, raws] of rawsOf) {
    if (!field.repeated && sameValue(message[field.name], valueOfRaw(def, field, raws))) kept.add(field);
  }
  /** How many elements of each repeated field are written. */
  const written = new Map<FieldDef, number>();

  const singular = (item: Item, field: FieldDef): void => {
    const value = message[field.name];
    if (value === undefined) {
      if (field.required) place.fail('required, and missing');
      return;
    }
    if (kept.has(field)) {
      if (item.raw) w.bytes(item.raw);
    } else if (lastOf.get(field) === item) writeField(w, field, value, place);
  };

  const repeated = (item: Item, field: FieldDef): void => {
    const list = listOf(field, message, place);
    const from = written.get(field) ?? 0;
    let to = Math.min(list.length, from + item.count);
    if (item.raw) {
      const values = (valueOfRaw(def, field, [item.raw]) ?? []) as unknown[];
      to = Math.min(list.length, from + values.length);
      if (sameValue(list.slice(from, to), values)) w.bytes(item.raw);
      else writeElements(w, field, list, place, from, to);
    } else if (field.packed) {
      to = list.length;
      writeElements(w, field, list, place, from, to);
    } else writeElements(w, field, list, place, from, to);
    if (lastOf.get(field) === item) {
      writeElements(w, field, list, place, to);
      to = list.length;
    }
    written.set(field, to);
  };

  for (const item of items) {
    const { field } = item;
    if (!field) {
      if (item.raw) w.bytes(item.raw);
      continue;
    }
    place.push(field.name);
    if (field.repeated) repeated(item, field);
    else singular(item, field);
    place.pop();
  }
  for (const field of def.fields) {
    if (lastOf.has(field) || message[field.name] === undefined) continue;
    place.push(field.name);
    if (field.repeated) writeElements(w, field, listOf(field, message, place), place);
    else writeField(w, field, message[field.name], place);
    place.pop();
  }
}
