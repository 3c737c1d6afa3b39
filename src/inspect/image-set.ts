import { imageFileName, type EntryImageType } from '../image/catalogue.js';
import type { EntryMessage } from '../image/entry.js';
import { ImageError } from '../image/errors.js';
import type { FileEntry, PstreeEntry } from '../image/generated/messages.js';

/**
 * What the views need of an image directory: the entries of one image by file name, undefined when there is no such
 * image. Anything that can answer this can be inspected.
 */
export interface EntrySource {
  entries(file: string): Promise<readonly unknown[] | undefined>;
  /** File names in the directory, in any order. */
  names(): Promise<readonly string[]>;
}

/** Reads each image once, however many views ask. */
export class ImageSet {
  readonly #source: EntrySource;
  readonly #cache = new Map<string, Promise<readonly unknown[] | undefined>>();

  constructor(source: EntrySource) {
    this.#source = source;
  }

  #names: Promise<ReadonlySet<string>> | undefined;

  /** The messages of an image; undefined when it is not there. @throws what reading it throws when it is damaged */
  async all<T extends EntryImageType>(type: T, id?: number | bigint): Promise<readonly EntryMessage<T>[] | undefined> {
    const file = imageFileName(type, id);
    let found = this.#cache.get(file);
    if (!found) {
      // of thousands of processes each may lack an image: asking the file system for each takes seconds
      this.#names ??= this.#source.names().then((names) => new Set(names));
      found = (await this.#names).has(file) ? this.#source.entries(file) : Promise.resolve(undefined);
      this.#cache.set(file, found);
    }
    return (await found) as readonly EntryMessage<T>[] | undefined;
  }

  /** The only message of an image. */
  async first<T extends EntryImageType>(type: T, id?: number | bigint): Promise<EntryMessage<T> | undefined> {
    return (await this.all(type, id))?.[0];
  }

  names(): Promise<readonly string[]> {
    return this.#source.names();
  }

  /** The tasks, in the order of pstree.img. @throws ImageError NO_IMAGE without that image */
  async tasks(): Promise<readonly PstreeEntry[]> {
    const tasks = await this.all('PSTREE');
    if (!tasks)
      throw new ImageError(
        'is not there: this is not a directory of images',
        { file: imageFileName('PSTREE') },
        { code: 'NO_IMAGE' },
      );
    return tasks;
  }

  /** files.img; images of CRIU before 3.3 have one image per kind of file instead. */
  async files(): Promise<readonly FileEntry[]> {
    return (await this.all('FILES')) ?? [];
  }
}
