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

  /** The entries of an image; undefined when it is not there. @throws what reading it throws when it is damaged */
  async all<T>(file: string): Promise<readonly T[] | undefined> {
    let found = this.#cache.get(file);
    if (!found) {
      // of thousands of processes each may lack an image: asking the file system for each takes seconds
      this.#names ??= this.#source.names().then((names) => new Set(names));
      found = (await this.#names).has(file) ? this.#source.entries(file) : Promise.resolve(undefined);
      this.#cache.set(file, found);
    }
    return (await found) as readonly T[] | undefined;
  }

  /** The only entry of an image. */
  async first<T>(file: string): Promise<T | undefined> {
    return (await this.all<T>(file))?.[0];
  }

  names(): Promise<readonly string[]> {
    return this.#source.names();
  }

  /** The tasks, in the order of pstree.img. @throws ImageError NO_IMAGE without that image */
  async tasks(): Promise<readonly PstreeEntry[]> {
    const tasks = await this.all<PstreeEntry>('pstree.img');
    if (!tasks)
      throw new ImageError(
        'is not there: this is not a directory of images',
        { file: 'pstree.img' },
        { code: 'NO_IMAGE' },
      );
    return tasks;
  }

  /** files.img; images of CRIU before 3.3 have one image per kind of file instead. */
  async files(): Promise<readonly FileEntry[]> {
    return (await this.all<FileEntry>('files.img')) ?? [];
  }
}
