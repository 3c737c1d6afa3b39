import { messageDef } from '../image/message-def.js';
import { PADDING_KEY } from '../image/entry.js';
import { ImageError } from '../image/errors.js';
import { Base64Lines } from './base64-lines.js';
import type { Message } from './decode-message.js';
import type { ImageScanner } from './image-scanner.js';
import { CLOSE_LIST, CLOSE_OBJECT, OPEN_LIST, OPEN_OBJECT, type JsonLayout } from './json-layout.js';
import { emptyRecord, nextRecord } from './wire-records.js';
import { paddingBytes, payloadSize } from './payload-size.js';
import type { MessagePrinter } from './print-message.js';
import { KIND, WIRE, type MessageDef } from '../image/message-def.js';
import type { WireReader } from './wire-reader.js';

/** A size for people: `1.5KB`, as Python's `%.1f` rounds. */
export function sizeText(bytes: number): string {
  let value = bytes;
  for (const unit of ['', 'K', 'M', 'G', 'T', 'P', 'E', 'Z']) {
    if (value < 1024) {
      if (Number.isInteger(value)) return `${value}${unit}B`;
      const tenths = value * 10;
      const down = Math.floor(tenths);
      const rounded = tenths - down === 0.5 ? down + (down % 2) : Math.round(tenths);
      return `${(rounded / 10).toFixed(1)}${unit}B`;
    }
    value /= 1024;
  }
  return `${value.toFixed(1)}YB`;
}

/** The plain numbers of the message in [r.pos, end): what payload sizes are told by. Leaves r at the start. */
export function plainNumbers(r: WireReader, def: MessageDef, end: number, damage?: ImageError[]): Message {
  const start = r.pos;
  const outerEnd = r.end;
  r.end = end;
  const numbers: Message = {};
  const record = emptyRecord();
  try {
    while (nextRecord(r, def, record, damage)) {
      const { field } = record;
      if (!field || field.repeated || field.wireType === WIRE.length) continue;
      // The record's number is still in the reader.
      numbers[field.name] = field.kind === KIND.bool ? r.lo === 1 : r.hi * 0x100000000 + r.lo;
    }
  } catch (error) {
    if (!damage || !(error instanceof ImageError)) throw error;
    damage.push(error);
  }
  r.pos = start;
  r.end = outerEnd;
  r.odd = false;
  return numbers;
}

/** Prints what follows a message, in pieces: a payload is never in memory whole. */
export class PayloadPrinter {
  readonly #layout: JsonLayout;
  readonly #scanner: ImageScanner;
  readonly #messages: MessagePrinter;

  constructor(scanner: ImageScanner, messages: MessagePrinter) {
    this.#scanner = scanner;
    this.#messages = messages;
    this.#layout = messages.layout;
  }

  /** Prints `extra` (and the padding, if it is not zero) of a message that has one. */
  members(message: Message, first: boolean, noPayload: boolean): void {
    const scanner = this.#scanner;
    const kind = scanner.description.payload;
    if (kind === 'none' || kind === 'pagemap') return;
    scanner.reader.pathPrefix = 'extra';
    if (kind === 'msg') this.#queue(message, first, noPayload);
    else this.#plain(message, first, noPayload);
    scanner.reader.pathPrefix = '';
  }

  #plain(message: Message, first: boolean, noPayload: boolean): void {
    const scanner = this.#scanner;
    const layout = this.#layout;
    const kind = scanner.description.payload;
    const size = payloadSize(kind, message);
    if (!size) return;
    const whole = size.partsBytes.reduce((a, b) => a + b, 0);
    layout.key('extra', first);
    if (noPayload) {
      const shown = kind === 'shm' ? Number(message['size'] ?? 0) : whole;
      layout.string(`... <${sizeText(shown)}>`);
      this.#expect(scanner.skip(whole), whole, size.field);
      scanner.skip(paddingBytes(whole, size.alignBytes));
      return;
    }
    if (kind === 'tcp') {
      layout.open(OPEN_OBJECT);
      ['inq', 'outq'].forEach((name, i) => {
        layout.key(name, i === 0);
        this.#base64(size.partsBytes[i] ?? 0, size.field);
      });
      layout.close(CLOSE_OBJECT, false);
    } else if (kind === 'sem') this.#semaphores(whole, size.field);
    else this.#base64(whole, size.field);
    const padding = this.#padding(whole, size.alignBytes);
    if (padding !== '') {
      layout.key(PADDING_KEY, false);
      layout.string(padding);
    }
  }

  /** @throws ImageError when the file ends before the payload does */
  #expect(got: number, count: number, field: string): void {
    if (got < count) throw this.#scanner.error(`${field} announces ${count} bytes, ${got} are left`);
  }

  /** Refuses a size beyond the file before anything of the payload is printed. */
  #check(count: number, field: string): void {
    const known = this.#scanner.left();
    if (known !== undefined && count > known && !this.#messages.tolerant) this.#expect(known, count, field);
  }

  #base64(count: number, field: string): void {
    this.#check(count, field);
    const lines = new Base64Lines(this.#layout.out);
    let got = 0;
    while (got < count) {
      const piece = this.#scanner.take(count - got);
      if (piece.length === 0) break;
      lines.push(piece);
      got += piece.length;
    }
    lines.end();
    this.#expect(got, count, field);
  }

  #semaphores(count: number, field: string): void {
    this.#check(count, field);
    const layout = this.#layout;
    layout.open(OPEN_LIST);
    let got = 0;
    let low = -1;
    while (got < count) {
      const piece = this.#scanner.take(count - got);
      if (piece.length === 0) break;
      for (const byte of piece) {
        if (low < 0) low = byte;
        else {
          layout.next(got < 2);
          layout.out.uint(low | (byte << 8));
          low = -1;
        }
        got++;
      }
    }
    layout.close(CLOSE_LIST, got < 2);
    this.#expect(got, count, field);
  }

  /** Reads padding. @returns it in hex; nothing when it is zero */
  #padding(size: number, alignBytes: number): string {
    const count = paddingBytes(size, alignBytes);
    let bytes = Buffer.alloc(0);
    while (bytes.length < count) {
      const piece = this.#scanner.take(count - bytes.length);
      if (piece.length === 0) break;
      bytes = Buffer.concat([bytes, piece]);
    }
    this.#expect(bytes.length, count, 'padding');
    return bytes.some((byte) => byte !== 0) ? bytes.toString('hex') : '';
  }

  #queue(message: Message, first: boolean, noPayload: boolean): void {
    const scanner = this.#scanner;
    const layout = this.#layout;
    const { reader } = scanner;
    const def = messageDef('ipc_msg');
    const count = Number(message['qnum'] ?? 0);
    const paddings: string[] = [];
    let shown = 0;
    if (!noPayload) {
      layout.key('extra', first);
      layout.open(OPEN_LIST);
    }
    for (let i = 0; i < count; i++) {
      reader.pathPrefix = `extra[${2 * i}]`;
      if (scanner.atEnd()) {
        throw scanner.error(`qnum announces ${count} messages, ${i} are there`);
      }
      scanner.readMessage(def);
      const size = Number(plainNumbers(reader, def, reader.end)['msize'] ?? 0);
      shown += reader.end - reader.pos + size;
      if (!noPayload) {
        layout.next(i === 0);
        this.#messages.message(def, reader.end, false, false);
        layout.next(false);
      }
      reader.pathPrefix = `extra[${2 * i + 1}]`;
      if (noPayload) this.#expect(scanner.skip(size), size, 'msize');
      else this.#base64(size, 'msize');
      paddings.push(this.#padding(size, 8));
    }
    if (noPayload) {
      layout.key('extra', first);
      layout.string(`... <${sizeText(shown)}>`);
    } else layout.close(CLOSE_LIST, count === 0);
    if (!noPayload && paddings.some((padding) => padding !== '')) {
      layout.key(PADDING_KEY, false);
      layout.open(OPEN_LIST);
      paddings.forEach((padding, i) => {
        layout.next(i === 0);
        layout.string(padding);
      });
      layout.close(CLOSE_LIST, false);
    }
  }

  /** Prints the content of a ghost file, or of a chunk of it. */
  ghost(lengthBytes: number, first: boolean, noPayload: boolean): void {
    const scanner = this.#scanner;
    scanner.reader.pathPrefix = 'extra';
    if (noPayload) {
      const got = scanner.skip(lengthBytes);
      if (lengthBytes !== Infinity) this.#expect(got, lengthBytes, 'len');
    } else {
      this.#layout.key('extra', first);
      if (lengthBytes !== Infinity) this.#base64(lengthBytes, 'len');
      else {
        const lines = new Base64Lines(this.#layout.out);
        for (let piece = scanner.take(Infinity); piece.length > 0; piece = scanner.take(Infinity)) lines.push(piece);
        lines.end();
      }
    }
    scanner.reader.pathPrefix = '';
  }
}
