import { WIRE_KEY } from '../image/entry.js';
import type { Messages } from '../image/generated/messages.js';
import { badArgument } from '../image/bad-argument.js';
import { KIND, WIRE, messageDef, type FieldDef, type MessageDef, type MessageName } from '../image/message-def.js';
import { stringOfBytes } from '../image/utf8.js';
import { WireReader, type Origin } from './wire-reader.js';
import { emptyRecord, itemText, nextRecord, survey, wireItems } from './wire-records.js';

export type Message = Record<string, unknown>;

/** Images are full of zeros, and making a bigint is a call into the runtime. */
const small = (lo: number): bigint => (lo === 0 ? 0n : BigInt(lo));

/** The number in r.lo and r.hi as the kind's JavaScript type. */
function numberOf(r: WireReader, field: FieldDef): unknown {
  const { lo, hi } = r;
  switch (field.kind) {
    case KIND.uint32:
    case KIND.fixed32:
      return lo;
    case KIND.int32:
    case KIND.sint32:
    case KIND.sfixed32:
    case KIND.enum:
      return lo | 0;
    case KIND.bool:
      return lo === 1;
    case KIND.int64:
    case KIND.sint64:
    case KIND.sfixed64:
      return hi === 0 ? small(lo) : (BigInt(hi | 0) << 32n) | BigInt(lo);
    default:
      return hi === 0 ? small(lo) : (BigInt(hi) << 32n) | BigInt(lo);
  }
}

/** Decodes the message in [r.pos, end); leaves r at its end. */
export function decodeBody(r: WireReader, def: MessageDef, end: number): Message {
  const outerEnd = r.end;
  const start = r.pos;
  r.end = end;
  r.even();
  const message: Message = {};
  /** All pieces of messages that came in pieces: protobuf reads them as if they were one. */
  let pieces: Map<FieldDef, Uint8Array[]> | undefined;
  let canonical = true;
  let highest = 0;
  while (r.pos < end) {
    const at = r.pos;
    const tag = r.tag();
    const field = def.field(tag >>> 3);
    if (!field) {
      r.skip(tag);
      canonical = false;
      continue;
    }
    const packed = r.checkWireType(field, tag, at);
    const { name } = field;
    const before = message[name] as unknown[] | undefined;
    if (field.number < highest || (before !== undefined && (!field.repeated || field.packed))) canonical = false;
    highest = field.number;
    if (packed !== field.packed) canonical = false;
    if (packed) {
      const blockEnd = r.block(field);
      const list = before ?? [];
      r.end = blockEnd;
      while (r.pos < blockEnd) {
        r.scalar(field);
        list.push(numberOf(r, field));
      }
      r.end = end;
      if (list.length > 0) message[name] = list;
      continue;
    }
    let value: unknown;
    if (field.wireType !== WIRE.length) {
      r.scalar(field);
      value = numberOf(r, field);
    } else {
      const blockEnd = r.block(field);
      const from = r.pos;
      if (field.kind === KIND.message) {
        if (before !== undefined && !field.repeated) {
          pieces ??= new Map();
          const list = pieces.get(field) ?? [lastPiece(r, def, field, start, at)];
          list.push(r.buf.slice(from, blockEnd));
          pieces.set(field, list);
        }
        if (r.odd) canonical = false;
        r.enter(field, field.repeated ? (before?.length ?? 0) : -1);
        value = decodeBody(r, field.message, blockEnd);
        r.leave();
      } else {
        value = field.kind === KIND.string ? stringOfBytes(r.buf, from, blockEnd) : r.buf.slice(from, blockEnd);
        r.pos = blockEnd;
      }
    }
    if (!field.repeated) message[name] = value;
    else if (before) before.push(value);
    else message[name] = [value];
  }
  if (r.odd) canonical = false;
  if (pieces) {
    for (const [field, list] of pieces) {
      r.enter(field, -1);
      message[field.name] = decodePieces(r, field.message, list);
      r.leave();
    }
  }
  if (canonical || r.strict)
    for (const field of def.required)
      if (message[field.name] === undefined) {
        if (r.strict) throw r.error('is missing, and it is required', start, field);
        canonical = false;
      }
  if (!canonical) {
    r.pos = start;
    message[WIRE_KEY] = Array.from(wireItems(r, def, survey(r, def)), (item) => itemText(r, item));
  }
  r.even();
  r.pos = end;
  r.end = outerEnd;
  return message;
}

/** Content of the last occurrence of a field before `until`. */
function lastPiece(r: WireReader, def: MessageDef, field: FieldDef, start: number, until: number): Uint8Array {
  const inner = new WireReader(r.buf);
  inner.pos = start;
  inner.end = until;
  const record = emptyRecord();
  let piece = new Uint8Array(0);
  while (nextRecord(inner, def, record)) if (record.field === field) piece = r.buf.slice(record.valueStart, record.end);
  return piece;
}

/** Decodes pieces as one message. */
function decodePieces(r: WireReader, def: MessageDef, pieces: readonly Uint8Array[]): Message {
  const { buf, pos, end, baseBytes } = r;
  r.buf = Buffer.concat(pieces);
  r.pos = 0;
  r.end = r.buf.length;
  const message = decodeBody(r, def, r.buf.length);
  Object.assign(r, { buf, pos, end, baseBytes });
  return message;
}

/**
 * Decodes the bytes of one protobuf message (without the u32 size that images have before it).
 *
 * 64-bit fields are bigint, the other numbers and enums number, bytes are copies. A string's bytes that are no UTF-8 are lone
 * surrogates (see image/utf8.ts). What the fields do not tell of the bytes (unknown fields, their order, odd encodings) is in
 * `$wire`, and encodeMessage writes it again.
 * @throws CritError BAD_ARGUMENT; ImageError BAD_IMAGE with the offset and field path
 * @example
 * import { decodeMessage, encodeMessage } from 'crit-checkpoint';
 * const bytes = encodeMessage('timeval', { tv_sec: 5n, tv_usec: 250000n });
 * const time = decodeMessage('timeval', bytes);
 * console.assert(time.tv_usec === 250000n);
 */
export function decodeMessage<K extends MessageName>(name: K, bytes: Uint8Array, origin?: Origin): Messages[K] {
  if (!((bytes as unknown) instanceof Uint8Array)) throw badArgument('decodeMessage takes bytes', bytes);
  return decodeBody(new WireReader(bytes, origin), messageDef(name), bytes.length) as unknown as Messages[K];
}
