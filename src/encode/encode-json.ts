import type { Source } from '../image/byte-source.js';
import { typeByMagicName, type ImageType } from '../image/catalogue.js';
import { HEADER_KEY, PADDING_KEY, type Header } from '../image/entry.js';
import { described, EncodePlace } from './encode-place.js';
import { EntryEncoder } from './entry-encoder.js';
import { JsonReader, type JsonValue } from './json-reader.js';

const FLUSH_BYTES = 256 * 1024;

const HEADERS: readonly unknown[] = ['v1.0', 'common', 'service'] satisfies Header[];

/** JSON of an image, read as far as its magic. */
export class JsonImage {
  readonly magic: string;
  /** Of several types with one magic, the one it is named after. */
  readonly type: ImageType;
  readonly #reader: JsonReader;
  readonly #place: EncodePlace;
  /** Members other than streamed entries. */
  readonly #members: Record<string, JsonValue> = Object.create(null) as Record<string, JsonValue>;
  /** The reader is before the value of `entries`. */
  #atEntries = false;
  #anyMember = false;

  constructor(source: Source) {
    this.#reader = new JsonReader(source, () => this.#place.path());
    this.#place = new EncodePlace([], this.#reader.source.name);
    try {
      this.#reader.expect(0x7b);
      this.#readMembers();
      this.#place.push('magic');
      const magic = this.#members['magic'];
      if (typeof magic !== 'string')
        this.#place.fail(magic === undefined ? 'missing' : `expected a string, got ${described(magic)}`);
      this.magic = magic;
      this.type = typeByMagicName(magic)?.type ?? this.#place.fail(`${described(magic)} is no type of image`);
      this.#place.pop();
    } catch (error) {
      this.#reader.close();
      throw error;
    }
  }

  /** Reads members up to the entries, if the magic came before them, else up to the end. */
  #readMembers(): void {
    const reader = this.#reader;
    for (;;) {
      if (reader.peek() === 0x7d) {
        reader.expect(0x7d);
        reader.expectEnd();
        return;
      }
      if (this.#anyMember) reader.expect(0x2c);
      this.#anyMember = true;
      reader.peek();
      const key = reader.string();
      reader.expect(0x3a);
      if (key in this.#members || (key === 'entries' && this.#atEntries))
        reader.fail(`${JSON.stringify(key)} is given twice`);
      if (key === 'entries' && this.#members['magic'] !== undefined) {
        this.#atEntries = true;
        return;
      }
      this.#place.push(key);
      this.#members[key] = reader.value();
      this.#place.pop();
    }
  }

  /** The whole document as a tree. */
  value(): JsonValue {
    try {
      if (this.#atEntries) {
        this.#members['entries'] = this.#reader.value();
        this.#readMembers();
      }
      return this.#members;
    } finally {
      this.#reader.close();
    }
  }

  #header(): Header | undefined {
    const header = this.#members[HEADER_KEY];
    if (header === undefined) return undefined;
    this.#place.push(HEADER_KEY);
    if (!HEADERS.includes(header)) this.#place.fail(`expected "v1.0", "common" or "service", got ${described(header)}`);
    this.#place.pop();
    return header as Header;
  }

  #checkKeys(): void {
    for (const key of Object.keys(this.#members)) {
      if (key === 'magic' || key === 'entries' || key === HEADER_KEY) continue;
      this.#place.push(key);
      this.#place.fail(key === PADDING_KEY ? 'belongs to an entry' : 'an image has no such member');
    }
  }

  /**
   * Encodes the image, entry by entry.
   * @param write gets its bytes in pieces, valid until it returns
   * @throws ImageError BAD_JSON; what came before may have been written
   */
  encode(write: (chunk: Uint8Array) => void): void {
    const reader = this.#reader;
    try {
      this.#checkKeys();
      const encoder = new EntryEncoder(this.type, this.#place, reader, write, this.#header());
      const { writer } = encoder;
      this.#place.push('entries');
      const settle = (limit: number): void => {
        if (writer.length <= limit) return;
        write(writer.view());
        writer.length = 0;
      };
      if (this.#atEntries) {
        if (reader.peek() !== 0x5b) this.#place.fail(`expected a list, got ${described(reader.value())}`);
        reader.list(() => {
          encoder.stream();
          settle(FLUSH_BYTES);
        });
        this.#place.pop();
        const before = Object.keys(this.#members).length;
        this.#readMembers();
        this.#checkKeys();
        if (Object.keys(this.#members).length > before) this.#place.fail(`${HEADER_KEY} must come before the entries`);
      } else {
        const entries = this.#members['entries'];
        if (entries === undefined) this.#place.fail('missing');
        if (!Array.isArray(entries)) this.#place.fail(`expected a list, got ${described(entries)}`);
        for (const [index, entry] of entries.entries()) {
          encoder.tree(index, entry);
          settle(FLUSH_BYTES);
        }
        this.#place.pop();
      }
      settle(0);
    } finally {
      reader.close();
    }
  }
}

/**
 * Opens the JSON of an image, as decode or show print it or a person writes it, and reads its magic.
 * @throws ImageError BAD_JSON with the path of what is wrong
 */
export const openJsonImage = (source: Source): JsonImage => new JsonImage(source);

/**
 * Encodes the JSON of an image. Streams where `magic` comes before `entries`: what is in memory then is one entry, without its
 * payload.
 * @param write gets the bytes in pieces, valid until it returns
 * @throws ImageError BAD_JSON with the path of what is wrong; what came before may have been written
 */
export function encodeJson(source: Source, write: (chunk: Uint8Array) => void): void {
  openJsonImage(source).encode(write);
}
