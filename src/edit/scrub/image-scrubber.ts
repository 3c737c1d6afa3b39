import { decodeBody, type Message } from '../../decode/decode-message.js';
import { ImageScanner } from '../../decode/image-scanner.js';
import { paddingBytes, payloadSize } from '../../decode/payload-size.js';
import { headerBytes } from '../../encode/image-encoder.js';
import type { ByteSource } from '../../image/byte-source.js';
import { ImageError } from '../../image/errors.js';
import { messageAt, messageDef, type MessageDef } from '../../image/message-def.js';
import { MessageScrubber } from './message-scrubber.js';
import { SecretStream } from './secrets.js';
import type { Taking } from './taking.js';

type Write = (bytes: Uint8Array) => void;

const PIECE = 64 << 10;
const ZEROS = new Uint8Array(PIECE);

/** Writes as many zeros. */
export function writeZeros(write: Write, count: number): void {
  for (let left = count; left > 0; left -= PIECE) write(left < PIECE ? ZEROS.subarray(0, left) : ZEROS);
}

/** Writes an image of entries again without what is taken out. What is damaged becomes zeros from there on. */
export class ImageScrubber {
  readonly #scanner: ImageScanner;
  readonly #taking: Taking;
  readonly #write: Write;
  readonly #messages: MessageScrubber;

  constructor(source: ByteSource, taking: Taking, write: Write) {
    this.#scanner = new ImageScanner(source);
    this.#taking = taking;
    this.#write = write;
    this.#messages = new MessageScrubber(taking);
  }

  run(): void {
    const scanner = this.#scanner;
    try {
      scanner.readHeader();
      this.#write(headerBytes(scanner.description, scanner.header));
      for (let entry = 0; !scanner.atEnd(); entry++) this.#entry(entry);
    } catch (error) {
      if (!(error instanceof ImageError) || error.code === 'UNREADABLE') throw error;
      this.#zeroRest();
    } finally {
      scanner.close();
    }
  }

  #zeroRest(): void {
    for (let piece = this.#scanner.take(PIECE); piece.length > 0; piece = this.#scanner.take(PIECE)) {
      writeZeros(this.#write, piece.length);
      this.#taking.count('unreadable', piece.length);
    }
  }

  /** @returns the message, decoded when its payload has to be measured */
  #message(def: MessageDef, decoded: boolean): Message {
    const { reader } = this.#scanner;
    this.#scanner.readMessage(def);
    const { pos, end } = reader;
    const { writer } = this.#messages;
    writer.length = 0;
    writer.fixed32(0);
    this.#messages.message(def, reader);
    const size = writer.length - 4;
    new DataView(writer.buf.buffer, writer.buf.byteOffset).setUint32(0, size, true);
    this.#write(writer.view());
    if (!decoded) return {};
    [reader.pos, reader.end] = [pos, end];
    return decodeBody(reader, def, end);
  }

  #entry(index: number): void {
    const { description } = this.#scanner;
    const kind = description.payload;
    const plain = kind === 'none' || kind === 'pagemap';
    const message = this.#message(messageAt(description, index), !plain);
    if (plain) return;
    if (kind === 'ghost') {
      if (index > 0) this.#bytes(Number(message['len'] ?? 0));
      else if (message['chunks'] !== true) this.#bytes(Infinity);
    } else if (kind === 'msg')
      for (let i = Number(message['qnum'] ?? 0); i > 0 && !this.#scanner.atEnd(); i--) {
        const size = Number(this.#message(messageDef('ipc_msg'), true)['msize'] ?? 0);
        this.#bytes(size);
        this.#zeros(paddingBytes(size, 8));
      }
    else {
      const size = payloadSize(kind, message);
      const bytes = size?.partsBytes.reduce((a, b) => a + b, 0) ?? 0;
      this.#bytes(bytes, kind === 'shm' ? 'memory' : 'data');
      this.#zeros(paddingBytes(bytes, size?.alignBytes ?? 1));
    }
  }

  /** What a program put there. */
  #bytes(count: number, kind: 'data' | 'memory' = 'data'): void {
    const takes = this.#taking.takes(kind);
    const kept = new SecretStream(this.#taking.secrets, this.#write, (found) => {
      this.#taking.count('secrets', found);
    });
    for (let left = count; left > 0;) {
      const piece = this.#scanner.take(Math.min(left, PIECE));
      if (piece.length === 0) break;
      left -= piece.length;
      if (!takes) {
        kept.push(piece);
        continue;
      }
      writeZeros(this.#write, piece.length);
      this.#taking.count(kind, piece.length);
    }
    kept.end();
  }

  /** Padding: nothing should be there. */
  #zeros(count: number): void {
    writeZeros(this.#write, this.#scanner.skip(count));
  }
}
