import type { QueuedMessage } from '../image/entry.js';
import { messageDef } from '../image/message-def.js';
import { decodeBody, type Message } from './decode-message.js';
import type { ImageScanner } from './image-scanner.js';
import { paddingBytes, payloadSize } from './payload-size.js';

/** Reads `count` bytes into memory. */
function readBytes(scanner: ImageScanner, count: number, field: string): Uint8Array {
  const at = scanner.offsetBytes;
  const known = scanner.left();
  if (known !== undefined && count > known) {
    throw scanner.error(`${field} announces ${count} bytes, ${known} are left`, at);
  }
  const parts: Uint8Array[] = [];
  let got = 0;
  while (got < count) {
    const piece = scanner.take(count - got);
    if (piece.length === 0) throw scanner.error(`${field} announces ${count} bytes, ${got} are left`, at);
    parts.push(Uint8Array.from(piece));
    got += piece.length;
  }
  const only = parts[0];
  return parts.length === 1 && only ? only : Uint8Array.from(Buffer.concat(parts));
}

/** Reads padding. @returns it when it is not all zero */
export function readPadding(scanner: ImageScanner, size: number, alignBytes: number): Uint8Array | undefined {
  const count = paddingBytes(size, alignBytes);
  if (count === 0) return undefined;
  const padding = readBytes(scanner, count, 'padding');
  return padding.some((byte) => byte !== 0) ? padding : undefined;
}

function readQueue(scanner: ImageScanner, message: Message): QueuedMessage[] {
  const queue: QueuedMessage[] = [];
  const count = Number(message['qnum'] ?? 0);
  const prefix = scanner.reader.pathPrefix;
  for (let i = 0; i < count; i++) {
    scanner.reader.pathPrefix = `${prefix}[${2 * i}]`;
    if (scanner.atEnd()) throw scanner.error(`qnum announces ${count} messages, ${i} are there`);
    scanner.readMessage(messageDef('ipc_msg'));
    const queued = decodeBody(scanner.reader, messageDef('ipc_msg'), scanner.reader.end);
    scanner.reader.pathPrefix = `${prefix}[${2 * i + 1}]`;
    const size = Number(queued['msize'] ?? 0);
    const data = readBytes(scanner, size, 'msize');
    const padding = readPadding(scanner, size, 8);
    queue.push({ message: queued as unknown as QueuedMessage['message'], data, ...(padding ? { padding } : {}) });
  }
  scanner.reader.pathPrefix = prefix;
  return queue;
}

function littleEndian16(bytes: Uint8Array): Uint16Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Uint16Array.from({ length: bytes.length / 2 }, (_, i) => view.getUint16(2 * i, true));
}

/** Reads into memory what follows a message, but for ghost files. */
export function readPayload(scanner: ImageScanner, message: Message): { extra?: unknown; padding?: Uint8Array } {
  const kind = scanner.description.payload;
  if (kind === 'none' || kind === 'pagemap') return {};
  scanner.reader.pathPrefix = 'extra';
  try {
    if (kind === 'msg') return { extra: readQueue(scanner, message) };
    const size = payloadSize(kind, message);
    if (!size) return {};
    const parts = size.partsBytes.map((count) => readBytes(scanner, count, size.field));
    const whole = size.partsBytes.reduce((a, b) => a + b, 0);
    const padding = readPadding(scanner, whole, size.alignBytes);
    const first = parts[0] ?? new Uint8Array(0);
    const extra = kind === 'tcp' ? { inq: first, outq: parts[1] } : kind === 'sem' ? littleEndian16(first) : first;
    return { extra, ...(padding ? { padding } : {}) };
  } finally {
    scanner.reader.pathPrefix = '';
  }
}

/** Reads the content of a ghost file, or of one chunk of it. */
export function readGhost(scanner: ImageScanner, lengthBytes: number | undefined): Uint8Array {
  scanner.reader.pathPrefix = 'extra';
  try {
    if (lengthBytes !== undefined) return readBytes(scanner, lengthBytes, 'len');
    const parts: Uint8Array[] = [];
    for (let piece = scanner.take(1 << 20); piece.length > 0; piece = scanner.take(1 << 20))
      parts.push(Uint8Array.from(piece));
    return Uint8Array.from(Buffer.concat(parts));
  } finally {
    scanner.reader.pathPrefix = '';
  }
}
