import { WIRE_KEY } from '../image/entry.js';
import type { Messages } from '../image/generated/messages.js';
import { KIND, WIRE, messageDef, type FieldDef, type MessageDef, type MessageName } from '../image/message-def.js';
import { bytesOfString } from '../image/utf8.js';
import { described, EncodePlace } from './encode-place.js';
import { parseItem, sameValue, valueOfRaw, type Item } from './wire-items.js';
import { WireWriter } from './wire-writer.js';

type Message = Readonly<Record<string, unknown>>;

const RANGES: Readonly<Record<string, readonly [bigint, bigint] | undefined>> = {
  uint32: [0n, 0xffffffffn],
  fixed32: [0n, 0xffffffffn],
  uint64: [0n, 0xffffffffffffffffn],
  fixed64: [0n, 0xffffffffffffffffn],
};
const SIGNED_32: readonly [bigint, bigint] = [-0x80000000n, 0x7fffffffn];
const SIGNED_64: readonly [bigint, bigint] = [-0x8000000000000000n, 0x7fffffffffffffffn];

/** What a program does that has floating point for all numbers (jq, JSON.parse). */
const ROUNDED = ' (a JSON tool has rounded this number: print the image with --big-as-strings)';

/** Whether a number is as such a program prints one that it does not hold: 17 digits, then zeros. */
const isRounded = (value: number | bigint): boolean =>
  !Number.isSafeInteger(Number(value)) && /^-?\d{1,17}0+$/.test(value.toString());

/** Checks that a value is an integer that the field can hold. */
export function checkInteger(field: FieldDef, value: unknown, place: EncodePlace): number | bigint {
  // What fits every kind, as most do: comparing with a bigint is a call into the runtime.
  if (typeof value === 'number' && value >= 0 && value <= 0x7fffffff && Number.isInteger(value)) return value;
  if (typeof value !== 'bigint' && !(typeof value === 'number' && Number.isInteger(value))) {
    place.fail(`expected an integer, got ${described(value)}`);
  }
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    place.fail(`${value} is beyond what a number holds exactly: pass a bigint${ROUNDED}`);
  }
  const [low, high] = RANGES[field.kindName] ?? (field.kindName.endsWith('64') ? SIGNED_64 : SIGNED_32);
  if (value < low || value > high)
    place.fail(
      `${value} does not fit a field of type ${field.kindName === 'enum' ? 'int32' : field.kindName}${isRounded(value) ? ROUNDED : ''}`,
    );
  return value;
}

/** Takes a bigint apart without making others. */
const WORD = new DataView(new ArrayBuffer(8));

function writeInteger(w: WireWriter, field: FieldDef, value: number | bigint): void {
  let lo: number;
  let hi: number;
  if (typeof value === 'number' && value >= 0 && value <= 0xffffffff) {
    lo = value;
    hi = 0;
  } else {
    WORD.setBigUint64(0, BigInt(value), true);
    lo = WORD.getUint32(0, true);
    hi = WORD.getUint32(4, true);
  }
  switch (field.kind) {
    case KIND.sint32: {
      const signed = lo | 0;
      w.varint((signed << 1) ^ (signed >> 31), 0);
      return;
    }
    case KIND.sint64: {
      const mask = (hi | 0) >> 31;
      w.varint((lo << 1) ^ mask, ((hi << 1) | (lo >>> 31)) ^ mask);
      return;
    }
    case KIND.fixed32:
    case KIND.sfixed32:
      w.fixed32(lo);
      return;
    case KIND.fixed64:
    case KIND.sfixed64:
      w.fixed32(lo);
      w.fixed32(hi);
      return;
    default:
      w.varint(lo, hi);
  }
}

/** Writes one value, without its tag. */
function writeValue(w: WireWriter, field: FieldDef, value: unknown, place: EncodePlace): void {
  switch (field.kind) {
    case KIND.message: {
      const message = objectAt(place, value);
      w.prefixed(() => {
        encodeBody(w, field.message, message, place);
      });
      return;
    }
    case KIND.string: {
      if (typeof value !== 'string') place.fail(`expected a string, got ${described(value)}`);
      const bytes = bytesOfString(value) ?? place.fail('holds a lone surrogate that stands for no byte');
      w.varint(bytes.length, 0);
      w.bytes(bytes);
      return;
    }
    case KIND.bytes:
      if (!(value instanceof Uint8Array)) place.fail(`expected bytes, got ${described(value)}`);
      w.varint(value.length, 0);
      w.bytes(value);
      return;
    case KIND.bool:
      if (typeof value !== 'boolean') place.fail(`expected true or false, got ${described(value)}`);
      w.byte(value ? 1 : 0);
      return;
    default:
      writeInteger(w, field, checkInteger(field, value, place));
  }
}

/** Writes one value with its tag (a packed field: one block of all). */
function writeField(w: WireWriter, field: FieldDef, value: unknown, place: EncodePlace): void {
  w.varint(field.tag, 0);
  writeValue(w, field, value, place);
}

/** Writes elements of a repeated field. */
function writeElements(
  w: WireWriter,
  field: FieldDef,
  list: readonly unknown[],
  place: EncodePlace,
  from = 0,
  to = list.length,
): void {
  if (from >= to) return;
  if (field.packed) {
    w.varint(((field.number << 3) | WIRE.length) >>> 0, 0);
    w.prefixed(() => {
      for (let i = from; i < to; i++) {
        place.push(i);
        writeValue(w, field, list[i], place);
        place.pop();
      }
    });
    return;
  }
  for (let i = from; i < to; i++) {
    place.push(i);
    writeField(w, field, list[i], place);
    place.pop();
  }
}

/** The list under a repeated field; empty when absent. */
function listOf(field: FieldDef, message: Message, place: EncodePlace): readonly unknown[] {
  const value = message[field.name];
  if (value === undefined) return [];
  if (!Array.isArray(value)) place.fail(`expected a list, got ${described(value)}`);
  return value;
}

/** Writes a message's fields. */
export function encodeBody(w: WireWriter, def: MessageDef, message: Message, place: EncodePlace): void {
  const layout = message[WIRE_KEY];
  if (layout !== undefined) {
    encodeLaidOut(w, def, message, layout, place);
    return;
  }
  let left = 0;
  for (const key in message) if (message[key] !== undefined) left++;
  for (const field of def.fields) {
    const value = message[field.name];
    if (value !== undefined) left--;
    else if (!field.required) continue;
    place.push(field.name);
    if (field.repeated) writeElements(w, field, listOf(field, message, place), place);
    else if (value === undefined) place.fail('required, and missing');
    else writeField(w, field, value, place);
    place.pop();
  }
  if (left > 0) refuseUnknown(def, message, place);
}

/** @returns the value, which must be an object @throws ImageError BAD_JSON */
export function objectAt(place: EncodePlace, value: unknown): Message {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
    place.fail(`expected an object, got ${described(value)}`);
  return value as Message;
}

/**
 * Writes a message in the layout it was read in. A field that has another value than its bytes in the layout hold has been
 * edited: its value is written plainly in their place.
 */
function encodeLaidOut(w: WireWriter, def: MessageDef, message: Message, layout: unknown, place: EncodePlace): void {
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

/** What is no field would be lost in silence. */
function refuseUnknown(def: MessageDef, message: Message, place: EncodePlace): void {
  for (const key of Object.keys(message)) {
    if (key === WIRE_KEY || message[key] === undefined || def.byName.has(key)) continue;
    place.push(key);
    place.fail(`${def.name} has no such field`);
  }
}

/**
 * Encodes a message to protobuf's bytes, the inverse of decodeMessage. Integers may be number or bigint for every integer
 * field; what does not fit is refused.
 * @throws ImageError BAD_JSON with the path of the field
 */
export function encodeMessage<K extends MessageName>(name: K, message: Messages[K]): Uint8Array {
  const w = new WireWriter();
  const place = new EncodePlace([name]);
  encodeBody(w, messageDef(name), objectAt(place, message), place);
  return w.view();
}
