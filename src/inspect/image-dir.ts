import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { badArgument } from '../image/bad-argument.js';
import { imageFileName, typeOfFileName, type ImageType } from '../image/catalogue.js';
import type { Image, ImageEntry } from '../image/entry.js';
import { CritError } from '../image/errors.js';
import { openImageReader, readImage, readImageIfPresent } from '../decode/image-reader.js';
import type { LooseEntry } from '../encode/image-encoder.js';
import { openImageWriter, writeImage, type ImageWriter } from '../encode/image-writer.js';

/** What the name of an image has where there are many of the type: a pid, the id of a namespace, 'dump'. */
export type ImageId = number | bigint | string;

/** A file of an image directory that has an image's name. */
export interface ListedImage {
  file: string;
  type: ImageType;
  /** The pid, namespace id, ... in its name, where there are many of the type. */
  id?: ImageId;
  sizeBytes: number;
}

/**
 * A directory of images, as a dump leaves it.
 * @example
 * import { ImageDir } from 'crit-checkpoint';
 * const images = new ImageDir('fixtures/sets/tree');
 * const tasks = images.read('PSTREE').entries.map((entry) => entry.message.pid);
 * for (const pid of tasks) {
 *   const [core] = images.read('CORE', pid).entries;
 *   console.log(pid, core?.message.tc?.comm);
 * }
 */
export class ImageDir {
  readonly path: string;

  /** @throws CritError BAD_ARGUMENT */
  constructor(directory: string) {
    if (typeof (directory as unknown) !== 'string' || directory === '')
      throw badArgument('ImageDir takes the name of a directory', directory);
    this.path = directory;
  }

  /**
   * The images of the directory by name, sorted; other files are left out. Looks into none of them.
   * @throws CritError NO_IMAGE when there is no such directory
   */
  list(): ListedImage[] {
    let names: string[];
    try {
      names = readdirSync(this.path).sort();
    } catch (error) {
      throw new CritError(`${this.path}: there is no such directory`, { code: 'NO_IMAGE', cause: error });
    }
    return names.flatMap((file) => {
      const found = typeOfFileName(file);
      const stat = found && statSync(path.join(this.path, file), { throwIfNoEntry: false });
      return found && stat?.isFile() ? [{ file, ...found, sizeBytes: stat.size }] : [];
    });
  }

  /**
   * Reads a whole image into memory.
   * @param id what its name has: a pid for CORE, a namespace id for MNTS, 'dump' for STATS
   * @throws ImageError NO_IMAGE when it is not there, BAD_IMAGE with entry, offset and field when it is unsound
   */
  read<T extends ImageType>(type: T, id?: ImageId): Image<T> {
    return readImage(this.path, type, id);
  }

  /** As read; undefined when there is no such image. */
  readIfPresent<T extends ImageType>(type: T, id?: ImageId): Image<T> | undefined {
    return readImageIfPresent(this.path, type, id);
  }

  /**
   * Reads an image entry by entry: one is in memory at a time.
   * @throws as read, while iterating
   * @example
   * import { ImageDir } from 'crit-checkpoint';
   * let descriptors = 0;
   * for await (const { message } of new ImageDir('fixtures/sets/tree').entries('FILES')) {
   *   if (message.reg !== undefined) descriptors++;
   * }
   * console.assert(descriptors > 0);
   */
  async *entries<T extends ImageType>(type: T, id?: ImageId): AsyncGenerator<ImageEntry<T>, void, undefined> {
    const reader = openImageReader(path.join(this.path, imageFileName(type, id)), { type });
    try {
      for await (const entry of reader) yield entry;
    } finally {
      reader.close();
    }
  }

  /**
   * Writes a whole image (mode 0600); one that is there is replaced.
   * @throws ImageError BAD_JSON with the path of a value that does not fit; CritError CANNOT_WRITE
   */
  write<T extends ImageType>(type: T, id: ImageId | undefined, entries: readonly (ImageEntry<T> | LooseEntry)[]): void {
    writeImage(this.path, type, id, entries);
  }

  /** Opens an image to append entries to; close it when done. @throws CritError CANNOT_WRITE */
  writer(type: ImageType, id?: ImageId): ImageWriter {
    return openImageWriter(this.path, type, id);
  }
}
