import { ImageDir, type ImageFile, type ImageId } from '../../encode/image-dir.js';
import { imageInfo } from '../../decode/image-info.js';
import { ByteSource } from '../../image/byte-source.js';
import { describeType, imageFileName, type EntryImageType, type ImageType } from '../../image/catalogue.js';
import type { EntryMessage } from '../../image/entry.js';
import { CritError, ImageError } from '../../image/errors.js';
import type { Checkpoint } from '../checkpoint.js';

/** Why an image cannot be read. */
interface Damage {
  readonly image: string;
  readonly error: CritError;
}

/**
 * The images of a set, and what is wrong with each as such. No method throws because of an image: one that cannot be read is noted,
 * and is undefined from then on, so that what refers to it is not blamed as well.
 */
export class SetImages {
  readonly checkpoint: Checkpoint;
  readonly images: ImageDir;
  readonly files: readonly ImageFile[];
  readonly sizes: ReadonlyMap<string, number>;
  readonly damages = new Map<string, Damage>();
  /** Images that others call for, and why. */
  readonly missing = new Map<string, string>();
  /** Files that something refers to: descriptors, mappings, directories, messages. */
  readonly used = new Set<number>();
  /** Shared memory that mappings, memfds and segments are of, and who. */
  readonly shmids = new Map<bigint, string>();
  readonly #read = new Set<string>();
  readonly #kept = new Map<string, readonly unknown[] | undefined>();

  constructor(checkpoint: Checkpoint) {
    const { path, store } = checkpoint.images;
    this.checkpoint = checkpoint;
    this.images = new ImageDir({ path, store }, { strict: true });
    this.files = this.images.list();
    this.sizes = new Map(this.files.map(({ file, sizeBytes }) => [file, sizeBytes]));
  }

  /**
   * Calls `look` for each message of an image, which is read by entry. @returns false when it is absent, damaged or empty: then the
   * set has noted that, and what `look` was shown does not count
   */
  each<T extends EntryImageType>(
    type: T,
    id: ImageId | undefined,
    look: (message: EntryMessage<T>, index: number) => void,
  ): boolean {
    const image = imageFileName(type, id);
    if (!this.sizes.has(image)) return false;
    this.#read.add(image);
    if (this.damages.has(image)) return false;
    try {
      if (describeType(type).payload !== 'none' && type !== 'PAGEMAP' && type !== 'SHMEM_PAGEMAP') this.#pass(type, id);
      using reader = this.images.reader(type, id);
      let index = 0;
      for (const { message } of reader) look(message, index++);
      return true;
    } catch (error) {
      this.#damaged(image, error);
      return false;
    }
  }

  /** What follows a message may be large: it is passed over first, so that no damaged size is believed. */
  #pass(type: ImageType, id: ImageId | undefined): void {
    imageInfo(new ByteSource({ stored: this.images.open(type, id) }));
  }

  #damaged(image: string, error: unknown): void {
    if (!(error instanceof CritError)) throw error;
    this.damages.set(image, { image, error });
  }

  /** The messages of an image; undefined when it is absent or damaged. */
  read<T extends EntryImageType>(type: T, id?: ImageId): EntryMessage<T>[] | undefined {
    const messages: EntryMessage<T>[] = [];
    return this.each(type, id, (message) => messages.push(message)) ? messages : undefined;
  }

  /** As read; it stays in memory. */
  keep<T extends EntryImageType>(type: T, id?: ImageId): readonly EntryMessage<T>[] | undefined {
    const image = imageFileName(type, id);
    if (!this.#kept.has(image)) this.#kept.set(image, this.read(type, id));
    return this.#kept.get(image) as readonly EntryMessage<T>[] | undefined;
  }

  /** As keep, of an image that must be there and have an entry: one that lacks is a finding. */
  need<T extends EntryImageType>(
    type: T,
    id: ImageId | undefined,
    why: string,
  ): readonly EntryMessage<T>[] | undefined {
    this.mustHave(type, id, why);
    return this.#filled(type, id, this.keep(type, id));
  }

  /** As need; it does not stay in memory. */
  needOnce<T extends EntryImageType>(type: T, id: ImageId | undefined, why: string): EntryMessage<T> | undefined {
    this.mustHave(type, id, why);
    return this.#filled(type, id, this.read(type, id))?.[0];
  }

  #filled<T extends EntryImageType>(
    type: T,
    id: ImageId | undefined,
    messages: readonly EntryMessage<T>[] | undefined,
  ): readonly EntryMessage<T>[] | undefined {
    if (messages?.length !== 0) return messages;
    this.noEntry(imageFileName(type, id));
    return undefined;
  }

  /** Notes that an image lacks the entry that it must have. */
  noEntry(image: string): void {
    if (!this.damages.has(image)) this.#damaged(image, new ImageError('has no entry', { file: image }));
  }

  mustHave(type: ImageType, id: ImageId | undefined, why: string): void {
    const image = imageFileName(type, id);
    if (!this.sizes.has(image) && !this.missing.has(image)) this.missing.set(image, why);
  }

  /** Whether nothing can be said of what an image lacks. */
  lost(type: ImageType, id?: ImageId): boolean {
    const image = imageFileName(type, id);
    return this.damages.has(image) || this.missing.has(image);
  }

  /** Looks into what nobody has asked for: it may be damaged, too. */
  readRest(): void {
    for (const { file, type, id } of this.files) {
      if (this.#read.has(file) || describeType(type).message === null) continue;
      if (type === 'GHOST_FILE')
        try {
          this.#pass(type, id);
        } catch (error) {
          this.#damaged(file, error);
        }
      else this.each(type as EntryImageType, id, () => undefined);
    }
  }
}
