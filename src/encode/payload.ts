import type { PayloadKind } from '../image/catalogue.js';
import { messageDef } from '../image/message-def.js';
import { paddingBytes, payloadSize } from '../decode/payload-size.js';
import { encodeBody } from './encode-message.js';
import { described, type EncodePlace } from './encode-place.js';
import { WireWriter } from './wire-writer.js';

type Message = Readonly<Record<string, unknown>>;

const NONE = new Uint8Array(0);

/** u32 size and message. */
export function sized(w: WireWriter, body: () => void): void {
  const at = w.length;
  w.fixed32(0);
  body();
  new DataView(w.buf.buffer, w.buf.byteOffset).setUint32(at, w.length - at - 4, true);
}

function bytesOf(value: unknown, place: EncodePlace): Uint8Array {
  if (value === undefined) return NONE;
  if (!(value instanceof Uint8Array)) place.fail(`expected bytes, got ${described(value)}`);
  return value;
}

function writePadding(w: WireWriter, size: number, alignBytes: number, padding: unknown, place: EncodePlace): void {
  const count = paddingBytes(size, alignBytes);
  if (padding === undefined) {
    for (let i = 0; i < count; i++) w.byte(0);
    return;
  }
  const bytes = bytesOf(padding, place);
  if (bytes.length !== count) place.fail(`${bytes.length} bytes of padding where ${count} belong`);
  w.bytes(bytes);
}

function writeQueue(w: WireWriter, message: Message, extra: unknown, place: EncodePlace): void {
  const queue = extra ?? [];
  if (!Array.isArray(queue)) place.fail(`expected a list, got ${described(queue)}`);
  const count = Number(message['qnum'] ?? 0);
  if (queue.length !== count) place.fail(`holds ${queue.length} messages, qnum says ${count}`);
  for (const [i, item] of (queue as { message: Message; data: unknown; padding?: unknown }[]).entries()) {
    place.push(2 * i);
    sized(w, () => {
      encodeBody(w, messageDef('ipc_msg'), item.message, place);
    });
    place.pop();
    place.push(2 * i + 1);
    const data = bytesOf(item.data, place);
    const size = Number(item.message['msize'] ?? 0);
    if (data.length !== size) place.fail(`holds ${data.length} bytes, msize says ${size}`);
    w.bytes(data);
    writePadding(w, size, 8, item.padding, place);
    place.pop();
  }
}

/** Checks lengths of payload parts against what the message announces. */
export function checkPayloadSizes(
  kind: PayloadKind,
  message: Message,
  lengths: readonly number[],
  place: EncodePlace,
): void {
  const size = payloadSize(kind, message);
  if (!size) return;
  size.partsBytes.forEach((count, i) => {
    if (lengths[i] === count) return;
    if (kind === 'sem') place.fail(`holds ${(lengths[i] ?? 0) / 2} values, nsems says ${count / 2}`);
    place.fail(`holds ${lengths[i] ?? 0} bytes, ${size.field.split(', ')[i] ?? size.field} says ${count}`);
  });
}

/** Writes what follows a message. A payload of another length than the message announces is refused. */
export function writePayload(
  w: WireWriter,
  kind: PayloadKind,
  message: Message,
  extra: unknown,
  padding: unknown,
  place: EncodePlace,
): void {
  place.push('extra');
  if (kind === 'msg') writeQueue(w, message, extra, place);
  else if (kind === 'tcp') {
    const queues = (extra ?? {}) as { inq?: unknown; outq?: unknown };
    const parts = [bytesOf(queues.inq, place), bytesOf(queues.outq, place)];
    checkPayloadSizes(
      kind,
      message,
      parts.map((part) => part.length),
      place,
    );
    for (const part of parts) w.bytes(part);
  } else if (kind === 'none' || kind === 'pagemap') {
    if (extra !== undefined) place.fail('entries of this type have no payload');
  } else {
    const bytes = kind === 'sem' ? semaphoreBytes(extra, place) : bytesOf(extra, place);
    checkPayloadSizes(kind, message, [bytes.length], place);
    w.bytes(bytes);
    writePadding(w, bytes.length, payloadSize(kind, message)?.alignBytes ?? 1, padding, place);
  }
  place.pop();
}

/** Values of semaphores as u16, little endian. */
export function semaphoreBytes(extra: unknown, place: EncodePlace): Uint8Array {
  if (extra === undefined) return NONE;
  if (!(extra instanceof Uint16Array || Array.isArray(extra))) place.fail(`expected a list, got ${described(extra)}`);
  const values = extra as ArrayLike<unknown>;
  const bytes = new Uint8Array(2 * values.length);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > 0xffff) {
      place.push(i);
      place.fail(`expected an integer from 0 to 65535, got ${described(value)}`);
    }
    view.setUint16(2 * i, value, true);
  }
  return bytes;
}
