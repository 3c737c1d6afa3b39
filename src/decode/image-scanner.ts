import { openByteSource, type ByteSource, type Source } from '../image/byte-source.js';
import { describeType, FIRST_MAGIC, typeByMagic, type ImageDescription } from '../image/catalogue.js';
import type { Header } from '../image/entry.js';
import { ImageError } from '../image/errors.js';
import type { MessageDef } from '../image/message-def.js';
import { emptyRecord, nextRecord } from './wire-records.js';
import { WireReader } from './wire-reader.js';
import type { CritErrorCode } from '../image/error-codes.js';

const WINDOW = 128 * 1024;

/** How much of a message is looked at to tell where it is cut off. */
const CUT_BYTES = 64 * 1024;

/** How an image with a v1.1 header of its type begins. */
const usual = (description: ImageDescription): Header => (description.first === 'none' ? 'v1.0' : description.first);

/**
 * Walks through an image: header, sizes, messages, payload bytes, within a window over the file. Nothing larger than one
 * message is in memory; what a size announces is checked against the file, or read bit by bit where the file's size is not
 * known, before memory is spent on it.
 */
export class ImageScanner {
  readonly reader: WireReader;
  readonly source: ByteSource;
  description: ImageDescription = describeType('INVENTORY');
  /** Absent: as CRIU 4.2 writes it for the type. */
  header: Header | undefined;
  #start = 0;
  #filled = 0;
  #ended = false;

  constructor(source: Source) {
    this.source = openByteSource(source);
    // Small files should not pay for a large window.
    const size = this.source.sizeBytes;
    this.reader = new WireReader(new Uint8Array(size === undefined ? WINDOW : Math.min(size + 1, WINDOW)));
    this.reader.file = this.source.name;
  }

  /** File offset of the next byte. */
  get offsetBytes(): number {
    return this.reader.baseBytes + this.#start;
  }

  error(reason: string, offsetBytes = this.offsetBytes, code: CritErrorCode = 'BAD_IMAGE'): ImageError {
    const fieldPath = this.reader.pathPrefix || undefined;
    return new ImageError(
      reason,
      { file: this.source.name, entry: this.reader.entry, offsetBytes, fieldPath },
      { code },
    );
  }

  /** Brings at least `count` bytes into the window. @returns how many there are, fewer only at the file's end */
  #fill(count: number): number {
    const { reader } = this;
    if (this.#filled - this.#start >= count || this.#ended) return this.#filled - this.#start;
    if (this.#start > 0) {
      reader.buf.copyWithin(0, this.#start, this.#filled);
      reader.baseBytes += this.#start;
      this.#filled -= this.#start;
      this.#start = 0;
    }
    while (this.#filled < count) {
      // what a file gained after it was opened does not count
      if (this.left() === this.#filled - this.#start) {
        this.#ended = true;
        break;
      }
      if (this.#filled === reader.buf.length) {
        // The announced size is not believed beyond what has come.
        const grown = new Uint8Array(Math.min(Math.max(count, WINDOW), reader.buf.length * 2));
        grown.set(reader.buf.subarray(0, this.#filled));
        reader.buf = grown;
      }
      const got = this.source.read(reader.buf, this.#filled, reader.buf.length - this.#filled);
      if (got === 0) {
        this.#ended = true;
        break;
      }
      this.#filled += got;
    }
    return this.#filled - this.#start;
  }

  #u32(at: number): number {
    const { buf } = this.reader;
    return ((buf[at] ?? 0) | ((buf[at + 1] ?? 0) << 8) | ((buf[at + 2] ?? 0) << 16) | ((buf[at + 3] ?? 0) << 24)) >>> 0;
  }

  #takeMagic(): number {
    const got = this.#fill(4);
    if (got < 4) throw this.error(got === 0 && this.offsetBytes === 0 ? 'the file is empty' : 'ends within its header');
    const magic = this.#u32(this.#start);
    this.#start += 4;
    return magic;
  }

  /** Reads the header. @throws ImageError UNKNOWN_MAGIC for a raw image or something else; BAD_IMAGE */
  readHeader(): void {
    let magic = this.#takeMagic();
    let header: Header = 'v1.0';
    if (magic === FIRST_MAGIC.common || magic === FIRST_MAGIC.service) {
      header = magic === FIRST_MAGIC.common ? 'common' : 'service';
      magic = this.#takeMagic();
    }
    const description = typeByMagic(magic);
    if (!description) {
      throw this.error(
        `no image has the magic 0x${magic.toString(16).padStart(8, '0')}`,
        this.offsetBytes - 4,
        'UNKNOWN_MAGIC',
      );
    }
    this.description = description;
    this.header = header === usual(description) ? undefined : header;
  }

  /** Nothing follows. */
  atEnd(): boolean {
    return this.#fill(1) === 0;
  }

  /** Bytes that are left in the file; undefined when nobody knows. */
  left(): number | undefined {
    const { sizeBytes } = this.source;
    return sizeBytes === undefined ? undefined : Math.max(0, sizeBytes - this.offsetBytes);
  }

  /**
   * Reads a u32 size and brings the message behind it into the reader: [pos, end).
   * @param def what it is, to tell the field in which it is cut off
   */
  readMessage(def: MessageDef): void {
    const at = this.offsetBytes;
    const got = this.#fill(4);
    if (got < 4) throw this.error(`ends within the size of an entry (${got} of 4 bytes)`, at);
    const size = this.#u32(this.#start);
    const known = this.left();
    if (size > 0x7fffffff || (known !== undefined && size > known - 4)) {
      throw this.#cutOff(def, size, known === undefined ? undefined : known - 4, at);
    }
    const there = this.#fill(4 + size) - 4;
    if (there < size) throw this.#cutOff(def, size, there, at);
    this.#enter(4, size);
  }

  #cutOff(def: MessageDef, size: number, there: number | undefined, at: number): ImageError {
    const reason = `announces a message of ${size} bytes${there === undefined ? '' : `, ${there} are left`}`;
    const visible = Math.min(this.#fill(CUT_BYTES), 4 + size);
    const cut = new WireReader(this.reader.buf);
    cut.pathPrefix = this.reader.pathPrefix;
    cut.end = this.#start + visible;
    cut.pos = Math.min(this.#start + 4, cut.end);
    const record = emptyRecord();
    let fieldPath: string | undefined;
    try {
      while (nextRecord(cut, def, record)) continue;
    } catch (error) {
      fieldPath = error instanceof ImageError ? error.fieldPath : undefined;
    }
    const { name } = this.source;
    return new ImageError(reason, {
      file: name,
      entry: this.reader.entry,
      offsetBytes: at,
      fieldPath: fieldPath ?? (this.reader.pathPrefix || undefined),
    });
  }

  #enter(skip: number, size: number): void {
    const { reader } = this;
    this.#start += skip;
    reader.pos = this.#start;
    reader.end = this.#start + size;
    reader.odd = false;
    reader.depth = 0;
    this.#start += size;
  }

  /**
   * Shows what is in the window, at least an entry's size if there is more.
   * @param take says how far it has taken it
   */
  window(take: (buf: Uint8Array, start: number, end: number) => number): void {
    this.#fill(4);
    const left = this.left() ?? Infinity;
    this.#start = take(this.reader.buf, this.#start, Math.min(this.#filled, this.#start + left));
  }

  /** After readMessage() failed: brings what there is of the message into the reader. @returns false: there is none */
  readRest(limitBytes: number): boolean {
    const got = Math.min(this.#fill(4 + limitBytes), 4 + limitBytes);
    if (got <= 4) return false;
    this.#enter(4, got - 4);
    return true;
  }

  /** Takes up to `count` bytes that are in the window or come next; an empty piece: the end. Valid until the next call. */
  take(count: number): Uint8Array {
    if (count === 0) return this.reader.buf.subarray(0, 0);
    const there = Math.min(this.#fill(1), count);
    const piece = this.reader.buf.subarray(this.#start, this.#start + there);
    this.#start += there;
    return piece;
  }

  /** Passes over bytes. @returns how many there were */
  skip(count: number): number {
    let left = count;
    while (left > 0) {
      const piece = this.take(left);
      if (piece.length === 0) break;
      left -= piece.length;
    }
    return count - left;
  }

  close(): void {
    this.source.close();
  }
}
