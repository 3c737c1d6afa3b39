import { describeType, FIRST_MAGIC, type ImageDescription, type ImageType } from '../image/catalogue.js';
import type { Header } from '../image/entry.js';
import { messageAt, type MessageDef } from '../image/message-def.js';
import { encodeBody } from './encode-message.js';
import { described, EncodePlace } from './encode-place.js';
import { checkPayloadSizes, sized, writePayload } from './payload.js';
import { WireWriter } from './wire-writer.js';

type Message = Readonly<Record<string, unknown>>;

/** An entry, as loosely typed as it comes from a program. */
export interface LooseEntry {
  readonly message: object;
  readonly extra?: unknown;
  readonly padding?: unknown;
}

/** Magic numbers before the entries of an image. */
export function headerBytes(description: ImageDescription, header?: Header): Uint8Array {
  const first = header ?? (description.first === 'none' ? 'v1.0' : description.first);
  const words = first === 'v1.0' ? [description.magic] : [FIRST_MAGIC[first], description.magic];
  return new Uint8Array(Uint32Array.from(words).buffer);
}

/** Makes the bytes of an image, entry after entry. */
export class ImageEncoder {
  readonly description: ImageDescription;
  readonly writer = new WireWriter(4096);
  readonly place: EncodePlace;
  #entries = 0;
  /** The first entry of a ghost file: its content goes on to the end. */
  #wholeGhost = false;

  constructor(
    type: ImageType,
    options: { header?: Header | undefined; file?: string | undefined; place?: EncodePlace } = {},
  ) {
    this.description = describeType(type);
    if (this.description.message === null) throw new TypeError(`${type} images have no entries`);
    this.place = options.place ?? new EncodePlace(['entries'], options.file);
    this.writer.bytes(headerBytes(this.description, options.header));
  }

  /** The message that the next entry has. */
  nextMessage(): MessageDef {
    return messageAt(this.description, this.#entries);
  }

  /** Appends an entry to the writer. @throws ImageError BAD_JSON with the path of what is wrong */
  append(entry: LooseEntry): void {
    const { place, writer } = this;
    const message = entry.message as Message;
    place.push(this.#entries);
    this.message(message);
    if (this.description.payload === 'ghost') this.ghostExtra(message, entry.extra);
    else writePayload(writer, this.description.payload, message, entry.extra, entry.padding, place);
    place.pop();
  }

  /** Appends size and message alone; the payload is the caller's. */
  message(message: Message): void {
    if (this.#wholeGhost) this.place.fail('a ghost file without chunks has one entry');
    sized(this.writer, () => {
      encodeBody(this.writer, this.nextMessage(), message, this.place);
    });
    if (this.description.payload === 'ghost' && this.#entries === 0) this.#wholeGhost = message['chunks'] !== true;
    this.#entries++;
  }

  /** How many entries there are so far. */
  get entries(): number {
    return this.#entries;
  }

  /** Entries were put to the writer by other means. */
  counted(count: number): void {
    this.#entries += count;
  }

  /** Checks the lengths of a payload against its message, which was the first or not. */
  checkExtra(message: Message, lengths: readonly number[], first: boolean): void {
    if (this.description.payload !== 'ghost') {
      checkPayloadSizes(this.description.payload, message, lengths, this.place);
      return;
    }
    const length = lengths[0] ?? 0;
    if (first && !this.#wholeGhost && length > 0) this.place.fail('the content is in the chunks');
    if (!first && length !== Number(message['len'] ?? 0))
      this.place.fail(`holds ${length} bytes, len says ${String(message['len'])}`);
  }

  /** Appends the content of the ghost file, or of the chunk, whose message was appended last. */
  ghostExtra(message: Message, extra: unknown): void {
    this.place.push('extra');
    if (extra !== undefined && !(extra instanceof Uint8Array))
      this.place.fail(`expected bytes, got ${described(extra)}`);
    this.checkExtra(message, [extra?.length ?? 0], this.#entries === 1);
    if (extra) this.writer.bytes(extra);
    this.place.pop();
  }
}
