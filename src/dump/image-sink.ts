import { openSync, unlinkSync } from 'node:fs';
import path from 'node:path';
import { encodeMessage } from '../encode/encode-message.js';
import { createImageFile, writeImage } from '../encode/image-writer.js';
import { describeType, imageFileName, type ImageType } from '../image/catalogue.js';
import type { OutEntry } from './context.js';

/** Where the images of a dump go. */
export interface ImageSink {
  /** A new image that is filled by other means. @throws CritError CANNOT_WRITE */
  create(type: ImageType, id?: number): { fd: number; file: string };
  write(type: ImageType, id: number | undefined, entries: Iterable<OutEntry>): void;
  nextPagesId(): number;
  /** The dump failed: no part of it stays. */
  discard(): void;
}

/** An image directory: files are made 0600, and are removed again when the dump fails. */
export class ImagesOnDisk implements ImageSink {
  readonly dir: string;
  readonly #made = new Set<string>();
  #pagesId = 0;

  /** An old set in the directory must not be mistaken for this one while it is torn: its inventory goes first. */
  constructor(dir: string) {
    this.dir = dir;
    try {
      unlinkSync(path.join(dir, 'inventory.img'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }

  #path(type: ImageType, id?: number): string {
    const file = path.join(this.dir, imageFileName(type, id));
    this.#made.add(file);
    return file;
  }

  create(type: ImageType, id?: number): { fd: number; file: string } {
    const file = this.#path(type, id);
    return { fd: createImageFile(file), file };
  }

  write(type: ImageType, id: number | undefined, entries: Iterable<OutEntry>): void {
    this.#path(type, id);
    writeImage(this.dir, type, id, entries as never);
  }

  nextPagesId(): number {
    return ++this.#pagesId;
  }

  discard(): void {
    for (const file of this.#made)
      try {
        unlinkSync(file);
      } catch {
        // it was never made
      }
  }
}

/** Takes everything and keeps nothing: for the rehearsal. */
export class Nowhere implements ImageSink {
  create(): { fd: number; file: string } {
    return { fd: openSync('/dev/null', 'w'), file: '/dev/null' };
  }
  write(type: ImageType, _id: number | undefined, entries: readonly OutEntry[]): void {
    const { message } = describeType(type);
    const pagemap = type === 'PAGEMAP' || type === 'SHMEM_PAGEMAP';
    entries.forEach((entry, i) => {
      const name = pagemap && i > 0 ? 'pagemap_entry' : message;
      if (name) encodeMessage(name, entry.message as never);
    });
  }
  nextPagesId(): number {
    return 1;
  }
  discard(): void {
    // nothing was kept
  }
}
