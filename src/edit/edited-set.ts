import { ByteSource } from '../image/byte-source.js';
import { imageFileName, typeOfFileName, type ImageType } from '../image/catalogue.js';
import type { Image, ImageEntry } from '../image/entry.js';
import { CritError } from '../image/errors.js';
import type { StoredFile } from '../image/image-store.js';
import { readWhole } from '../decode/image-reader.js';
import type { ImageDir, ImageId } from '../encode/image-dir.js';
import { encodeEntries } from '../encode/image-writer.js';
import type { Checkpoint } from '../inspect/checkpoint.js';

/** What makes the bytes of a file that is not as it was, piece by piece. */
export type MakeBytes = (write: (bytes: Uint8Array) => void) => void;

/** A file of the changed set: one that is as it was, under which name, or new bytes. */
export type EditedFile =
  { readonly from: string; readonly make?: MakeBytes } | { readonly from?: undefined; readonly make: MakeBytes };

/**
 * The images of a checkpoint with changes that are only in memory until they are written elsewhere (write-set.ts). What is
 * not changed is never read whole.
 */
export class EditedSet {
  readonly images: ImageDir;
  readonly #read = new Map<string, Image>();
  readonly #files: Map<string, EditedFile>;
  #parent: 'as it was' | 'none' | { readonly directory: string } = 'as it was';

  constructor({ images }: Checkpoint) {
    this.images = images;
    this.#files = new Map(images.store.files().map(({ name }) => [name, { from: name }]));
  }

  /** What the changed set consists of, by name. */
  get files(): ReadonlyMap<string, EditedFile> {
    return this.#files;
  }

  /** The set before it that it needs: the one that the source had, none, or a directory. */
  get parent(): 'as it was' | 'none' | { readonly directory: string } {
    return this.#parent;
  }

  /** It has all pages itself from here on. */
  detach(): void {
    this.#parent = 'none';
  }

  /** It is an increment of a set from here on. */
  attach(directory: string): void {
    this.#parent = { directory };
  }

  /** Names of files that are not as they were. */
  get changed(): string[] {
    return [...this.#files].filter(([name, file]) => file.from !== name).map(([name]) => name);
  }

  has(type: ImageType, id?: ImageId): boolean {
    return this.#files.has(imageFileName(type, id));
  }

  /** The ids under which there are images of a type. */
  ids(type: ImageType): ImageId[] {
    return [...this.#files.keys()].flatMap((name) => {
      const found = typeOfFileName(name);
      return found?.type === type && found.id !== undefined ? [found.id] : [];
    });
  }

  /** An image as it is by now; undefined when there is none. @throws ImageError as ImageDir.read */
  look<T extends ImageType>(type: T, id?: ImageId): Image<T> | undefined {
    const name = imageFileName(type, id);
    const file = this.#files.get(name);
    if (!file) return undefined;
    const known = this.#read.get(name);
    if (known) return known as unknown as Image<T>;
    if (file.from === undefined) return readWhole(this.bytes(name), { type });
    const was = typeOfFileName(file.from);
    return this.images.read(type, was?.id);
  }

  /** The same to be changed: what is changed in it is written. @throws CritError MISSING_IMAGE when there is none */
  change<T extends ImageType>(type: T, id?: ImageId): Image<T> {
    const name = imageFileName(type, id);
    const image = this.look(type, id);
    if (!image) throw new CritError(`the set has no ${name}`, { code: 'MISSING_IMAGE' });
    this.#keep(name, image as unknown as Image);
    return image;
  }

  /**
   * Changes an image where `edit` finds something to change.
   * @param edit returns how many changes it made; none leaves the image as it is
   */
  changeIf<T extends ImageType>(type: T, id: ImageId | undefined, edit: (image: Image<T>) => number): number {
    const image = this.look(type, id);
    if (!image) return 0;
    const changes = edit(image);
    if (changes > 0) this.#keep(imageFileName(type, id), image as unknown as Image);
    return changes;
  }

  /** What is changed in an image from here on is written. */
  #keep(name: string, image: Image): void {
    if (this.#read.has(name)) return;
    this.#read.set(name, image);
    this.#files.set(name, {
      make: (write) => {
        write(encodeEntries(image));
      },
    });
  }

  /** Adds an image. */
  add<T extends ImageType>(type: T, id: ImageId | undefined, entries: ImageEntry<T>[]): void {
    this.#keep(imageFileName(type, id), { type, entries } as unknown as Image);
  }

  /** The bytes of a file as they are by now. @throws ImageError NO_IMAGE */
  bytes(name: string): ByteSource {
    const file = this.#files.get(name);
    if (file?.from !== undefined || !file) return new ByteSource({ stored: this.open(file?.from ?? name) });
    const parts: Uint8Array[] = [];
    file.make((bytes) => parts.push(bytes));
    return new ByteSource({ bytes: Buffer.concat(parts) }, name);
  }

  /** Opens a file of the set as it was before all changes. @throws ImageError NO_IMAGE */
  open(name: string): StoredFile {
    return this.images.store.open(name);
  }

  /** Gives a file of this name new bytes. */
  replace(name: string, make: MakeBytes): void {
    this.#read.delete(name);
    this.#files.set(name, { make });
  }

  /** Gives images other ids, all at once: what is 1 may become 2 and what is 2 become 1. */
  rename(type: ImageType, ids: ReadonlyMap<number, number>): void {
    const moved = [...ids].flatMap(([from, to]) => {
      const name = imageFileName(type, from);
      const file = this.#files.get(name);
      if (!file) return [];
      const read = this.#read.get(name);
      this.#files.delete(name);
      this.#read.delete(name);
      return [{ to: imageFileName(type, to), file, read }];
    });
    for (const { to, file, read } of moved) {
      if (this.#files.has(to)) throw new CritError(`the set has a ${to} already`, { code: 'BAD_ARGUMENT' });
      this.#files.set(to, file);
      if (read) this.#read.set(to, read);
    }
  }

  /** The bytes of a file are the same as they were, and come in another way. */
  copy(name: string, make: MakeBytes): void {
    this.#files.set(name, { from: name, make });
  }

  remove(name: string): void {
    this.#files.delete(name);
    this.#read.delete(name);
  }
}
