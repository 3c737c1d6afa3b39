import type { Source } from '../image/byte-source.js';
import type { ImageType } from '../image/catalogue.js';
import { messageAt, messageDef } from '../image/message-def.js';
import type { Message } from './decode-message.js';
import { ImageScanner } from './image-scanner.js';
import { paddingBytes, payloadSize } from './payload-size.js';
import { plainNumbers } from './print-payload.js';

export interface ImageInfo {
  /** Name of the magic, as in JSON. */
  magic: string;
  /** Entries; those of a pagemap without its head, as Python's crit counts them. */
  count: number;
  /** Of several types with one magic, the one it is named after. */
  type: ImageType;
}

/** Passes over what follows a message. */
function skipPayload(scanner: ImageScanner, message: Message, entry: number): void {
  const { payload } = scanner.description;
  const pass = (count: number, field: string): void => {
    const got = scanner.skip(count);
    if (got < count) throw scanner.error(`${field} announces ${count} bytes, ${got} are left`);
  };
  if (payload === 'msg') {
    const count = Number(message['qnum'] ?? 0);
    for (let i = 0; i < count; i++) {
      if (scanner.atEnd()) throw scanner.error(`qnum announces ${count} messages, ${i} are there`);
      scanner.readMessage(messageDef('ipc_msg'));
      const { reader } = scanner;
      const size = Number(plainNumbers(reader, messageDef('ipc_msg'), reader.end)['msize'] ?? 0);
      pass(size + paddingBytes(size, 8), 'msize');
    }
  } else if (payload === 'ghost') {
    if (entry > 0) pass(Number(message['len'] ?? 0), 'len');
    else if (message['chunks'] !== true) scanner.skip(Infinity);
  } else {
    const size = payloadSize(payload, message);
    if (!size) return;
    const whole = size.partsBytes.reduce((a, b) => a + b, 0);
    pass(whole + paddingBytes(whole, size.alignBytes), size.field);
  }
}

/**
 * What an image is, and how much of it. Looks at sizes and at the numbers that tell payload sizes, not into messages.
 * @throws ImageError as printImage
 */
export function imageInfo(source: Source): ImageInfo {
  const scanner = new ImageScanner(source);
  try {
    scanner.readHeader();
    const { description } = scanner;
    const plain = description.payload === 'none' || description.payload === 'pagemap';
    let entries = 0;
    for (; !scanner.atEnd(); entries++) {
      scanner.reader.entry = entries;
      const def = messageAt(description, entries);
      scanner.readMessage(def);
      if (plain) continue;
      const { reader } = scanner;
      skipPayload(scanner, plainNumbers(reader, def, reader.end), entries);
    }
    const count = description.payload === 'pagemap' ? Math.max(0, entries - 1) : entries;
    return { magic: description.magicName, count, type: description.type };
  } finally {
    scanner.close();
  }
}
