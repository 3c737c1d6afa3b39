import path from 'node:path';
import type { Source } from '../image/byte-source.js';
import { describeType, imageFileName, type ImageDescription, type ImageType } from '../image/catalogue.js';
import type { Header, Image, ImageEntry } from '../image/entry.js';
import { ImageError } from '../image/errors.js';
import { messageAt } from '../image/message-def.js';
import { decodeBody, type Message } from './decode-message.js';
import { ImageScanner } from './image-scanner.js';
import { readGhost, readPayload } from './payload.js';

export interface ReadOptions {
  /** A message without a required field is an error, as it is to CRIU; otherwise it is decoded without that field. */
  strict?: boolean;
}

/** Reads an image entry by entry; one entry is in memory at a time. Iterate it once, then close it. */
export class ImageReader<T extends ImageType = ImageType> {
  readonly description: ImageDescription;
  readonly header: Header | undefined;
  readonly file: string | undefined;
  readonly #scanner: ImageScanner;

  constructor(source: Source, type?: T, { strict = false }: ReadOptions = {}) {
    this.#scanner = new ImageScanner(source);
    this.#scanner.reader.strict = strict;
    this.file = this.#scanner.source.name;
    try {
      this.#scanner.readHeader();
      const found = this.#scanner.description;
      this.description = found;
      if (type !== undefined) {
        const wanted = describeType(type);
        if (wanted.magic !== found.magic)
          throw this.#scanner.error(`a ${found.magicName} image, not ${wanted.magicName}`, 0);
        this.description = wanted;
      }
      this.header = this.#scanner.header;
    } catch (error) {
      this.#scanner.close();
      throw error;
    }
  }

  /** @throws ImageError BAD_IMAGE with file, entry, offset and field */
  *[Symbol.iterator](): Generator<ImageEntry<T>, void, undefined> {
    const scanner = this.#scanner;
    const ghost = this.description.payload === 'ghost';
    for (let entry = 0; !scanner.atEnd(); entry++) {
      scanner.reader.entry = entry;
      const def = messageAt(this.description, entry);
      scanner.readMessage(def);
      const message = decodeBody(scanner.reader, def, scanner.reader.end);
      const rest = ghost ? ghostExtra(scanner, message, entry) : readPayload(scanner, message);
      yield { message, ...rest } as unknown as ImageEntry<T>;
    }
    scanner.reader.entry = undefined;
    if (ghost && scanner.offsetBytes <= 8) throw scanner.error('ends where its entry should be');
  }

  /** The same entries for `for await`; between two of them other work gets its turn. */
  async *[Symbol.asyncIterator](): AsyncGenerator<ImageEntry<T>, void, undefined> {
    let entries = 0;
    for (const entry of this) {
      yield entry;
      if (++entries % 1024 === 0) await new Promise(setImmediate);
    }
  }

  close(): void {
    this.#scanner.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function ghostExtra(scanner: ImageScanner, message: Message, entry: number): { extra?: Uint8Array } {
  if (entry > 0) return { extra: readGhost(scanner, Number(message['len'] ?? 0)) };
  return message['chunks'] === true ? {} : { extra: readGhost(scanner, undefined) };
}

/**
 * Opens an image for reading. @param type what it must be; without it what its magic says
 * @throws ImageError NO_IMAGE, NOT_A_FILE, UNKNOWN_MAGIC, BAD_IMAGE
 */
export function openImageReader<T extends ImageType = ImageType>(
  source: Source,
  options: { type?: T } & ReadOptions = {},
): ImageReader<T> {
  return new ImageReader<T>(source, options.type, options);
}

/** Reads a whole image of a directory. @throws ImageError NO_IMAGE when it is not there, and as openImageReader */
export function readImage<T extends ImageType>(
  dir: string,
  type: T,
  id?: number | bigint | string,
  options: ReadOptions = {},
): Image<T> {
  return readWhole(path.join(dir, imageFileName(type, id)), { ...options, type });
}

/** Reads an image into memory. @throws ImageError as openImageReader */
export function readWhole<T extends ImageType = ImageType>(
  source: Source,
  options: { type?: T } & ReadOptions = {},
): Image<T> {
  const reader = openImageReader(source, options);
  try {
    const entries = [...reader];
    const { type } = reader.description;
    return { type, ...(reader.header ? { header: reader.header } : {}), entries } as unknown as Image<T>;
  } finally {
    reader.close();
  }
}

/** As readImage; undefined when there is no such file. */
export function readImageIfPresent<T extends ImageType>(
  dir: string,
  type: T,
  id?: number | bigint | string,
  options: ReadOptions = {},
): Image<T> | undefined {
  try {
    return readImage(dir, type, id, options);
  } catch (error) {
    if (error instanceof ImageError && error.code === 'NO_IMAGE') return undefined;
    throw error;
  }
}
