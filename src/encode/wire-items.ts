import { decodeBody } from '../decode/decode-message.js';
import { WireReader } from '../decode/wire-reader.js';
import { emptyRecord, nextRecord } from '../decode/wire-records.js';
import type { FieldDef, MessageDef } from '../image/message-def.js';
import { described, type EncodePlace } from './encode-place.js';

type Message = Readonly<Record<string, unknown>>;

/** An item of WIRE_KEY, parsed: see wireItems in src/decode/wire-records.ts. */
export interface Item {
  /** Absent: bytes that no field claims. */
  readonly field: FieldDef | undefined;
  readonly count: number;
  /** Absent: the value is written plainly. */
  readonly raw: Uint8Array | undefined;
}

const ITEM = /^(\w*)(?:=((?:[0-9a-fA-F]{2})*)|\*([1-9]\d{0,8}))?$/;

export function parseItem(def: MessageDef, item: unknown, place: EncodePlace): Item {
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
export function valueOfRaw(def: MessageDef, field: FieldDef, raws: readonly Uint8Array[]): unknown {
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
