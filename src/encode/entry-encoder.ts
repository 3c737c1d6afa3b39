import type { ImageType } from '../image/catalogue.js';
import { PADDING_KEY, type Header } from '../image/entry.js';
import { ImageError } from '../image/errors.js';
import { messageDef, type MessageDef } from '../image/message-def.js';
import { isPlain } from '../image/plain-message.js';
import { paddingBytes, payloadSize } from '../decode/payload-size.js';
import { readBase64 } from './base64-reader.js';
import { described, type EncodePlace } from './encode-place.js';
import { FastEntry } from './fast-entry.js';
import { messageFromJson } from './from-json.js';
import { bytesOfBase64, integerOfText } from './from-json-scalar.js';
import { ImageEncoder } from './image-encoder.js';
import type { JsonReader, JsonValue } from './json-reader.js';
import { writePayload } from './payload.js';
import type { Spool } from './spool.js';
import type { WireWriter } from './wire-writer.js';

type Message = Readonly<Record<string, unknown>>;

const PAYLOAD_KEYS: ReadonlySet<string> = new Set(['extra', PADDING_KEY]);
const NO_KEYS: ReadonlySet<string> = new Set();

/** Payloads longer than this do not go through the writer. */
const DIRECT_BYTES = 256 * 1024;

/** Turns JSON entries into bytes in a writer. */
export class EntryEncoder {
  readonly #encoder: ImageEncoder;
  readonly #place: EncodePlace;
  readonly #reader: JsonReader;
  readonly #write: (chunk: Uint8Array) => void;
  readonly #fast = new Map<MessageDef, FastEntry | undefined>();

  constructor(
    type: ImageType,
    place: EncodePlace,
    reader: JsonReader,
    write: (chunk: Uint8Array) => void,
    header: Header | undefined,
  ) {
    this.#encoder = new ImageEncoder(type, { header, place });
    this.#place = place;
    this.#reader = reader;
    this.#write = write;
  }

  get writer(): WireWriter {
    return this.#encoder.writer;
  }

  get #hasPayload(): boolean {
    const { payload } = this.#encoder.description;
    return payload !== 'none' && payload !== 'pagemap';
  }

  /** Encodes the entry that the reader is before, and maybe some behind it. */
  stream(): void {
    const def = this.#encoder.nextMessage();
    if (!this.#hasPayload) {
      let fast = this.#fast.get(def);
      if (fast === undefined && !this.#fast.has(def)) {
        fast = isPlain(def) ? new FastEntry(this.#reader, def) : undefined;
        this.#fast.set(def, fast);
      }
      const count = fast?.encode(this.writer) ?? 0;
      if (count > 0) {
        this.#encoder.counted(count);
        return;
      }
    }
    this.#place.push(this.#encoder.entries);
    this.#reader.peek();
    this.#reader.pin();
    try {
      this.#thorough();
    } catch (error) {
      if (!(error instanceof ImageError) || error.code !== 'BAD_JSON' || error.line !== undefined) throw error;
      throw this.#reader.placed(error, (error.fieldPath ?? '').replace(/^entries\[\d+\]\.?/, ''));
    }
    this.#place.pop();
  }

  /** Encodes an entry of any form. */
  #thorough(): void {
    if (this.#reader.peek() !== 0x7b) this.#place.fail(`expected an object, got ${described(this.#reader.value())}`);
    const fields: Record<string, JsonValue> = Object.create(null) as Record<string, JsonValue>;
    let spools: Spool[] | undefined;
    try {
      this.#reader.object((key) => {
        if (key in fields || (key === 'extra' && spools)) this.#reader.fail(`${JSON.stringify(key)} is given twice`);
        this.#place.push(key);
        if (key === 'extra' && this.#streamed()) spools = this.#spools();
        else fields[key] = this.#reader.value();
        this.#place.pop();
      });
      this.#entry(fields, spools);
    } finally {
      for (const spool of spools ?? []) spool.close();
    }
  }

  /** Encodes an entry that is in memory. */
  tree(index: number, entry: JsonValue): void {
    this.#place.push(index);
    if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
      this.#place.fail(`expected an object, got ${described(entry)}`);
    }
    this.#entry(entry, undefined);
    this.#place.pop();
  }

  /** The payload at hand is base64, to be read piece by piece. */
  #streamed(): boolean {
    const { payload } = this.#encoder.description;
    const next = this.#reader.peek();
    if (payload === 'tcp') return next === 0x7b;
    return this.#hasPayload && payload !== 'msg' && payload !== 'sem' && next === 0x22;
  }

  #spools(): Spool[] {
    if (this.#encoder.description.payload !== 'tcp') return [readBase64(this.#reader, this.#place)];
    const queues: { inq?: Spool; outq?: Spool } = {};
    this.#reader.object((key) => {
      this.#place.push(key);
      if (key !== 'inq' && key !== 'outq') this.#place.fail('a socket has inq and outq');
      if (queues[key]) this.#reader.fail(`${JSON.stringify(key)} is given twice`);
      if (this.#reader.peek() !== 0x22) this.#place.fail(`expected base64, got ${described(this.#reader.value())}`);
      queues[key] = readBase64(this.#reader, this.#place);
      this.#place.pop();
    });
    for (const key of ['inq', 'outq'] as const) {
      this.#place.push(key);
      queues[key] ??= this.#place.fail('missing');
      this.#place.pop();
    }
    return [queues.inq, queues.outq].filter((spool) => spool !== undefined);
  }

  #entry(fields: Readonly<Record<string, JsonValue>>, spools: readonly Spool[] | undefined): void {
    const place = this.#place;
    const { payload } = this.#encoder.description;
    const message = messageFromJson(
      this.#encoder.nextMessage(),
      fields,
      place,
      this.#hasPayload ? PAYLOAD_KEYS : NO_KEYS,
    );
    const first = this.#encoder.entries === 0;
    this.#encoder.message(message);
    const { extra } = fields;
    if (spools) this.#writeSpools(message, spools, first, fields[PADDING_KEY]);
    else if (payload === 'msg') this.#queue(message, extra, fields[PADDING_KEY]);
    else if (payload === 'ghost') this.#encoder.ghostExtra(message, this.#bytes(extra));
    else if (this.#hasPayload) {
      const value =
        payload === 'sem' ? this.#semaphores(extra) : payload === 'tcp' ? this.#queues(extra) : this.#bytes(extra);
      writePayload(this.writer, payload, message, value, this.#padding(fields[PADDING_KEY]), place);
    }
  }

  #bytes(extra: JsonValue | undefined): Uint8Array | undefined {
    if (extra === undefined) return undefined;
    this.#place.push('extra');
    if (typeof extra !== 'string') this.#place.fail(`expected base64, got ${described(extra)}`);
    const bytes = bytesOfBase64(extra, this.#place);
    this.#place.pop();
    return bytes;
  }

  #semaphores(extra: JsonValue | undefined): JsonValue[] | undefined {
    if (extra === undefined) return undefined;
    this.#place.push('extra');
    if (typeof extra === 'string') bytesOfBase64(extra, this.#place);
    if (!Array.isArray(extra)) this.#place.fail(`expected a list, got ${described(extra)}`);
    this.#place.pop();
    return extra.map((value) => {
      const number = typeof value === 'string' ? integerOfText(value) : undefined;
      return number === undefined ? value : Number(number);
    });
  }

  #queues(extra: JsonValue | undefined): { inq: Uint8Array; outq: Uint8Array } | undefined {
    if (extra === undefined) return undefined;
    this.#place.push('extra');
    if (typeof extra === 'string') bytesOfBase64(extra, this.#place);
    if (typeof extra !== 'object' || extra === null || Array.isArray(extra)) {
      this.#place.fail(`expected an object, got ${described(extra)}`);
    }
    const [inq, outq] = ['inq', 'outq'].map((key) => {
      this.#place.push(key);
      const text = extra[key];
      if (typeof text !== 'string') this.#place.fail(`expected base64, got ${described(text)}`);
      const bytes = bytesOfBase64(text, this.#place);
      this.#place.pop();
      return bytes;
    });
    this.#place.pop();
    return { inq: inq ?? new Uint8Array(0), outq: outq ?? new Uint8Array(0) };
  }

  #queue(message: Message, extra: JsonValue | undefined, padding: JsonValue | undefined): void {
    const place: EncodePlace = this.#place;
    const list: JsonValue = extra ?? [];
    place.push('extra');
    if (typeof list === 'string') bytesOfBase64(list, place);
    if (!Array.isArray(list)) place.fail(`expected a list, got ${described(list)}`);
    if (list.length % 2 !== 0) place.fail('expected a message and its data in turn');
    const queue = [];
    for (let i = 0; i < list.length; i += 2) {
      place.push(i);
      const queued = messageFromJson(messageDef('ipc_msg'), list[i], place);
      place.pop();
      place.push(i + 1);
      const text = list[i + 1];
      if (typeof text !== 'string') place.fail(`expected base64, got ${described(text)}`);
      const data = bytesOfBase64(text, place);
      place.pop();
      const own = Array.isArray(padding) && padding[i / 2] !== '' ? this.#padding(padding[i / 2]) : undefined;
      queue.push({ message: queued, data, padding: own });
    }
    place.pop();
    writePayload(this.writer, 'msg', message, queue, undefined, place);
  }

  #padding(padding: JsonValue | undefined): Uint8Array | undefined {
    if (padding === undefined) return undefined;
    this.#place.push(PADDING_KEY);
    if (typeof padding !== 'string' || !/^([0-9a-f]{2})*$/i.test(padding)) {
      this.#place.fail(`expected bytes in hex, got ${described(padding)}`);
    }
    this.#place.pop();
    return Buffer.from(padding, 'hex');
  }

  #writeSpools(message: Message, spools: readonly Spool[], first: boolean, padding: JsonValue | undefined): void {
    const place = this.#place;
    const { payload } = this.#encoder.description;
    const lengths = spools.map((spool) => spool.length);
    const whole = lengths.reduce((a, b) => a + b, 0);
    place.push('extra');
    this.#encoder.checkExtra(message, lengths, first);
    place.pop();
    for (const spool of spools) {
      if (spool.length <= DIRECT_BYTES) spool.drain((piece) => this.writer.bytes(piece));
      else {
        this.#write(this.writer.view());
        this.writer.length = 0;
        spool.drain(this.#write);
      }
    }
    const count = paddingBytes(whole, payloadSize(payload, message)?.alignBytes ?? 1);
    const given = this.#padding(padding);
    place.push(PADDING_KEY);
    if (given && given.length !== count) place.fail(`${given.length} bytes of padding where ${count} belong`);
    place.pop();
    this.writer.bytes(given ?? new Uint8Array(count));
  }
}
