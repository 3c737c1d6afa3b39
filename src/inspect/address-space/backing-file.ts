import path from 'node:path';
import { DirectoryStore } from '../../image/directory-store.js';
import { CritError } from '../../image/errors.js';
import type { StoredFile } from '../../image/image-store.js';

/** Descriptors that an address space holds at a time. */
const MAX_OPEN = 32;

/** A file that bytes of memory are in: opened when they are wanted, read from front to back as far as it goes. */
export class BackingFile {
  readonly name: string;
  readonly #use: (file: BackingFile) => void;
  readonly #open: () => StoredFile;
  #file: StoredFile | undefined;
  #sizeBytes: number | undefined;
  /** Why it cannot be read. */
  failure: string | undefined;

  /** @param use is called before it is read */
  constructor(name: string, open: () => StoredFile, use: (file: BackingFile) => void) {
    this.name = name;
    this.#use = use;
    this.#open = open;
  }

  #opened(): StoredFile | undefined {
    if (this.failure !== undefined) return undefined;
    this.#use(this);
    try {
      this.#file ??= this.#open();
    } catch (error) {
      this.fail(error);
    }
    return this.#file;
  }

  /** 0 when it cannot be opened. */
  get sizeBytes(): number {
    return (this.#sizeBytes ??= this.#opened()?.sizeBytes ?? 0);
  }

  /** Reads as far as it can. @returns how many bytes; fewer than asked for when it ends or fails */
  read(target: Uint8Array, offset: number, length: number, position: number): number {
    const file = this.#opened();
    let got = 0;
    try {
      while (file && got < length) {
        const some = file.read(target, offset + got, length - got, position + got);
        if (some === 0) break;
        got += some;
      }
    } catch (error) {
      this.fail(error);
    }
    return got;
  }

  fail(error: unknown): void {
    if (!(error instanceof CritError)) throw error;
    this.failure = error.message;
    this.close();
  }

  close(): void {
    this.#file?.[Symbol.dispose]();
    this.#file = undefined;
  }
}

/** The files of an address space by name. Few are open at a time, those that were read last. */
export class OpenFiles implements Disposable {
  readonly #all = new Map<string, BackingFile>();
  readonly #open = new Set<BackingFile>();

  /** @param open is called when its bytes are wanted */
  file(name: string, open: () => StoredFile): BackingFile {
    let file = this.#all.get(name);
    if (!file) this.#all.set(name, (file = new BackingFile(name, open, (used) => this.#used(used))));
    return file;
  }

  /** A file of this machine. */
  local(name: string): BackingFile {
    return this.file(name, () => new DirectoryStore(path.dirname(name)).open(path.basename(name)));
  }

  #used(file: BackingFile): void {
    this.#open.delete(file);
    this.#open.add(file);
    if (this.#open.size <= MAX_OPEN) return;
    const [oldest] = this.#open;
    this.#open.delete(oldest!);
    oldest!.close();
  }

  [Symbol.dispose](): void {
    for (const file of this.#open) file.close();
    this.#open.clear();
  }
}
