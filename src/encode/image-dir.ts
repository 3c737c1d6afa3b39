import { badArgument } from '../image/bad-argument.js';
import { ByteSource } from '../image/byte-source.js';
import { imageFileName, typeOfFileName, type EntryImageType, type ImageType } from '../image/catalogue.js';
import type { EntryMessage, Image, ImageEntry } from '../image/entry.js';
import { DirectoryStore } from '../image/directory-store.js';
import type { ImageStore, StoredFile } from '../image/image-store.js';
import { openImageReader, readWhole, type ImageReader, type ReadOptions } from '../decode/image-reader.js';
import type { LooseEntry } from './image-encoder.js';
import { openImageWriter, writeImage, type ImageWriter } from './image-writer.js';

/** What the name of an image has where there are many of the type: a pid, the id of a namespace, 'dump'. */
export type ImageId = number | bigint | string;

/** A file of an image directory that has an image's name. */
export interface ImageFile {
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
  /** The directory, or what the archive is called. */
  readonly path: string;
  readonly store: ImageStore;
  readonly #options: ReadOptions;

  /**
   * @param from a directory, or another place where images lie: that can be read only, `path` is its name
   * @param options.strict a message without a required field is refused, as a restore refuses it @throws CritError BAD_ARGUMENT
   */
  constructor(
    from: string | { readonly path: string; readonly store: ImageStore },
    { strict = false }: ReadOptions = {},
  ) {
    const directory = typeof from === 'object' ? from.path : from;
    if (typeof (directory as unknown) !== 'string' || directory === '')
      throw badArgument('ImageDir takes the name of a directory', directory);
    this.path = directory;
    this.store = typeof from === 'object' ? from.store : new DirectoryStore(directory);
    this.#options = { strict };
  }

  /** The path of an image, whether it is there or not. */
  file(type: ImageType, id?: ImageId): string {
    return this.store.pathOf(imageFileName(type, id));
  }

  /**
   * The images of the directory by name, sorted; other files are left out. Looks into none of them.
   * @throws CritError NO_IMAGE when there is no such directory
   */
  list(): ImageFile[] {
    return this.store.files().flatMap(({ name, sizeBytes }) => {
      const found = typeOfFileName(name);
      return found ? [{ file: name, ...found, sizeBytes }] : [];
    });
  }

  /** Whether there is such an image; whether it can be read is another question. */
  has(type: ImageType, id?: ImageId): boolean {
    return this.store.has(imageFileName(type, id));
  }

  /** Opens an image to read its bytes; whoever opens it closes it. @throws as read */
  open(type: ImageType, id?: ImageId): StoredFile {
    return this.store.open(imageFileName(type, id));
  }

  /**
   * Reads a whole image into memory.
   * @param id what its name has: a pid for CORE, a namespace id for MNTS, 'dump' for STATS
   * @throws ImageError NO_IMAGE when it is not there, BAD_IMAGE with entry, offset and field when it is unsound
   */
  read<T extends ImageType>(type: T, id?: ImageId): Image<T> {
    return readWhole(this.#source(type, id), { ...this.#options, type });
  }

  /** As read; undefined when there is no such image. */
  readIfPresent<T extends ImageType>(type: T, id?: ImageId): Image<T> | undefined {
    return this.has(type, id) ? this.read(type, id) : undefined;
  }

  #source(type: ImageType, id: ImageId | undefined): ByteSource {
    return new ByteSource({ stored: this.open(type, id) });
  }

  /** The messages of an image without what follows them; undefined when there is no such image. @throws as read */
  messages<T extends EntryImageType>(type: T, id?: ImageId): EntryMessage<T>[] | undefined {
    if (!this.has(type, id)) return undefined;
    using reader = this.reader(type, id);
    return Array.from(reader, ({ message }) => message);
  }

  /** The only message of an image; undefined when there is no such image, or nothing in it. @throws as read */
  first<T extends EntryImageType>(type: T, id?: ImageId): EntryMessage<T> | undefined {
    return this.messages(type, id)?.[0];
  }

  /** Opens an image to read it entry by entry; whoever opens it closes it. @throws as read */
  reader<T extends ImageType>(type: T, id?: ImageId): ImageReader<T> {
    return openImageReader(this.#source(type, id), { ...this.#options, type });
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
    using reader = this.reader(type, id);
    for await (const entry of reader) yield entry;
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
