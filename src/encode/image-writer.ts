import { closeSync, constants, openSync, unlinkSync, writeSync } from 'node:fs';
import path from 'node:path';
import { imageFileName, type ImageType } from '../image/catalogue.js';
import type { Header, Image } from '../image/entry.js';
import { CritError } from '../image/errors.js';
import { objectAt } from './encode-message.js';
import { described, EncodePlace } from './encode-place.js';
import { ImageEncoder, type LooseEntry } from './image-encoder.js';
import { whyFailed } from '../image/system-words.js';

const FLUSH_BYTES = 256 * 1024;

/** Writes an image entry by entry. */
export class ImageWriter {
  readonly file: string;
  readonly #encoder: ImageEncoder;
  #fd: number;
  #flushed = 0;

  /** @param shownAs the file's name in errors, where the path is none that a user knows */
  constructor(file: string, type: ImageType, header?: Header, shownAs = file) {
    this.file = shownAs;
    this.#encoder = new ImageEncoder(type, { header, file: shownAs });
    this.#fd = createImageFile(file, shownAs);
  }

  /** Bytes of the image so far. */
  get sizeBytes(): number {
    return this.#flushed + this.#encoder.writer.length;
  }

  /** Appends an entry. @throws ImageError BAD_JSON with the path of what does not fit the type; CritError CANNOT_WRITE */
  append(message: object, extra?: unknown, padding?: Uint8Array): void {
    this.#encoder.append({ message, extra, padding });
    if (this.#encoder.writer.length >= FLUSH_BYTES) this.#flush();
  }

  #flush(): void {
    const { writer } = this.#encoder;
    try {
      writeAll(this.#fd, writer.view());
    } catch (error) {
      throw cannotWrite(this.file, error);
    }
    this.#flushed += writer.length;
    writer.length = 0;
  }

  /** Writes what is left and closes the file. */
  close(): void {
    if (this.#fd < 0) return;
    try {
      this.#flush();
    } finally {
      closeSync(this.#fd);
      this.#fd = -1;
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
}

/**
 * Makes an image file for writing. Images hold a process's memory and secrets: nobody but the owner reads them. A file
 * that is there is replaced, so that its mode or a link to elsewhere does not matter.
 * @returns its descriptor @throws CritError CANNOT_WRITE
 */
export function createImageFile(file: string, shownAs = file): number {
  const create = () => openSync(file, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    return create();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw cannotWrite(shownAs, error);
  }
  try {
    unlinkSync(file);
    return create();
  } catch (error) {
    throw cannotWrite(shownAs, error);
  }
}

/** @param cause an error with the code of what the kernel said (ENOSPC, EIO) */
export const cannotWrite = (file: string, cause: unknown): CritError =>
  new CritError(`${file}: cannot be written: ${whyFailed(cause)}`, {
    code: 'CANNOT_WRITE',
    cause,
  });

/** Makes an image file (mode 0600) to append entries to. An existing one is replaced. */
export function openImageWriter(
  dir: string,
  type: ImageType,
  id?: number | bigint | string,
  header?: Header,
): ImageWriter {
  return new ImageWriter(path.join(dir, imageFileName(type, id)), type, header);
}

/**
 * Writes a whole image into a directory (mode 0600).
 * @throws ImageError BAD_JSON with the path of what does not fit; CritError CANNOT_WRITE
 */
export function writeImage(
  dir: string,
  type: ImageType,
  id: number | bigint | string | undefined,
  entries: readonly LooseEntry[],
): void {
  const writer = openImageWriter(dir, type, id);
  try {
    const place = new EncodePlace(['entries'], writer.file);
    checkEntries(entries, place);
    for (const entry of entries) writer.append(entry.message, entry.extra, entry.padding as Uint8Array | undefined);
  } finally {
    writer.close();
  }
}

const HEADERS: ReadonlySet<string> = new Set<Header>(['v1.0', 'common', 'service']);

/** What nobody reads would be lost in silence. */
function onlyKeys(value: object, keys: readonly string[], place: EncodePlace): void {
  for (const key in value) {
    if (keys.includes(key) || (value as Record<string, unknown>)[key] === undefined) continue;
    place.push(key);
    place.fail(`there is no such member; there are ${keys.join(', ')}`);
  }
}

function checkEntries(entries: unknown, place: EncodePlace): void {
  if (!Array.isArray(entries)) place.fail(`expected a list, got ${described(entries)}`);
  for (const [i, entry] of entries.entries()) {
    place.push(i);
    const checked = objectAt(place, entry);
    onlyKeys(checked, ['message', 'extra', 'padding'], place);
    place.push('message');
    objectAt(place, checked['message']);
    place.pop();
    place.pop();
  }
}

/** The bytes of an image. @throws ImageError BAD_JSON with the path of what does not fit */
export function encodeEntries(
  image: Image | { type: ImageType; header?: Header; entries: readonly LooseEntry[] },
): Uint8Array {
  onlyKeys(image, ['type', 'header', 'entries'], new EncodePlace());
  if (image.header !== undefined && !HEADERS.has(image.header))
    new EncodePlace(['header']).fail(`expected ${[...HEADERS].join(' or ')}, got ${described(image.header)}`);
  checkEntries(image.entries, new EncodePlace(['entries']));
  const encoder = new ImageEncoder(image.type, { header: image.header });
  for (const entry of image.entries as readonly LooseEntry[]) encoder.append(entry);
  return encoder.writer.view();
}
