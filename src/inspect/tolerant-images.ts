import { openImageReader } from '../decode/image-reader.js';
import { ImageDir, type ImageFile, type ImageId } from '../encode/image-dir.js';
import { imageFileName, type EntryImageType, type ImageType } from '../image/catalogue.js';
import type { EntryMessage } from '../image/entry.js';
import { ByteSource } from '../image/byte-source.js';
import { CritError } from '../image/errors.js';
import type { StoredFile } from '../image/image-store.js';

/** Files up to this size are decoded once and kept for a while: the parts of an overview ask for the same ones. */
const KEPT_FILE_BYTES = 64 << 10;
/** How many are kept: those of a process or two. Thousands would keep the garbage collector busy. */
const KEPT_FILES = 64;
/** Nobody reads more, and a set where every image is damaged need not be told about image by image. */
const MAX_PROBLEMS = 1000;
/** Entries of one image that are looked at: a process has some thousands, a forged image may have any number. */
const MAX_ENTRIES = 1_000_000;

/**
 * Images of which some may be damaged or missing: the entries before the damage are read, and what is wrong is collected
 * in `problems` and never thrown. A message that lacks a required field counts as damage.
 */
export class TolerantImages extends ImageDir {
  readonly #problems = new Set<string>();
  readonly #kept = new Map<string, readonly unknown[]>();
  /** Of the set as a whole (files.img, pstree.img), which all parts ask for, and the few bytes of each process's ids. */
  readonly #ofSet = new Map<string, readonly unknown[]>();
  #listed: readonly ImageFile[] | undefined;
  /** Of what is listed. */
  #names: ReadonlySet<string> | undefined;

  constructor(images: ImageDir) {
    super({ path: images.path, store: images.store }, { strict: true });
  }

  /** What was wrong with what has been read so far, one line each. */
  get problems(): readonly string[] {
    return [...this.#problems];
  }

  problem(line: string): void {
    if (this.#problems.size < MAX_PROBLEMS) this.#problems.add(line);
  }

  /** Does something that may meet damage. @returns undefined when it has */
  attempt<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof CritError)) throw error;
      this.problem(error.message);
      return undefined;
    }
  }

  /** The images as they are when it is first asked for. */
  override list(): ImageFile[] {
    if (!this.#listed) {
      this.#listed = super.list();
      this.#names = new Set(this.#listed.map(({ file }) => file));
    }
    return [...this.#listed];
  }

  /** After `list`, the system is only asked for what is not in it. */
  override has(type: ImageType, id?: ImageId): boolean {
    return this.#names?.has(imageFileName(type, id)) === true || super.has(type, id);
  }

  override messages<T extends EntryImageType>(type: T, id?: ImageId): EntryMessage<T>[] | undefined {
    const name = imageFileName(type, id);
    const kept = this.#kept.get(name) ?? this.#ofSet.get(name);
    if (kept) return kept as EntryMessage<T>[];
    if (!this.has(type, id)) {
      // the rest of a set can be shown without its tree
      if (type !== 'PSTREE' || !this.has('INVENTORY')) return undefined;
      this.problem(`${this.file(type)}: is not there: which processes the set has is not known`);
      return [];
    }
    const found: EntryMessage<T>[] = [];
    const file = this.attempt(() => this.open(type, id));
    const isSmall = (file?.sizeBytes ?? 0) <= KEPT_FILE_BYTES;
    if (file) for (const message of this.#read(file, type, id)) found.push(message);
    if (id === undefined || type === 'IDS') this.#ofSet.set(name, found);
    else if (isSmall) {
      const [oldest] = this.#kept.keys();
      if (oldest !== undefined && this.#kept.size >= KEPT_FILES) this.#kept.delete(oldest);
      this.#kept.set(name, found);
    }
    return found;
  }

  /** As `messages`, one at a time; nothing when there is no such image. */
  *each<T extends EntryImageType>(type: T, id?: ImageId): Generator<EntryMessage<T>> {
    const file = this.has(type, id) ? this.attempt(() => this.open(type, id)) : undefined;
    if (file) yield* this.#read(file, type, id);
  }

  *#read<T extends EntryImageType>(file: StoredFile, type: T, id?: ImageId): Generator<EntryMessage<T>> {
    const reader = this.attempt(() => openImageReader(new ByteSource({ stored: file }), { type, strict: true }));
    if (!reader) return;
    using open = reader;
    const entries = open[Symbol.iterator]();
    for (let count = 0; ; count++) {
      const next = this.attempt(() => entries.next());
      if (next === undefined || next.done) return;
      if (count === MAX_ENTRIES) {
        this.problem(`${this.file(type, id)}: only the first ${MAX_ENTRIES} entries are looked at`);
        return;
      }
      yield next.value.message;
    }
  }

  /** As `first`; when there is none, that is a problem. */
  expected<T extends EntryImageType>(type: T, id?: ImageId): EntryMessage<T> | undefined {
    const first = this.first(type, id);
    if (first === undefined && !this.has(type, id)) this.problem(`${this.file(type, id)}: is not there`);
    return first;
  }
}
