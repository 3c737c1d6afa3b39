import { closeSync, lstatSync, readdirSync, readSync, statSync } from 'node:fs';
import path from 'node:path';
import { CritError } from './errors.js';
import type { ImageStore, StoredFile } from './image-store.js';
import { openRegularFile } from './regular-file.js';
import { unreadable } from './unreadable.js';

class DirectoryFile implements StoredFile {
  readonly name: string;
  readonly sizeBytes: number;
  readonly #fd: number;
  #closed = false;

  /** @throws ImageError as openRegularFile */
  constructor(name: string) {
    const { fd, stat } = openRegularFile(name);
    this.name = name;
    this.sizeBytes = stat.size;
    this.#fd = fd;
  }

  read(target: Uint8Array, offset: number, length: number, position: number): number {
    try {
      return readSync(this.#fd, target, offset, length, position);
    } catch (error) {
      throw unreadable(this.name, error);
    }
  }

  [Symbol.dispose](): void {
    if (!this.#closed) closeSync(this.#fd);
    this.#closed = true;
  }
}

/** A directory of images. */
export class DirectoryStore implements ImageStore {
  readonly #path: string;

  constructor(directory: string) {
    this.#path = directory;
  }

  pathOf(name: string): string {
    return path.join(this.#path, name);
  }

  files(): { name: string; sizeBytes: number }[] {
    let names: string[];
    try {
      names = readdirSync(this.#path).sort();
    } catch (error) {
      throw new CritError(`${this.#path}: there is no such directory`, { code: 'NO_IMAGE', cause: error });
    }
    return names.flatMap((name) => {
      const stat = statSync(this.pathOf(name), { throwIfNoEntry: false });
      return stat?.isFile() ? [{ name, sizeBytes: stat.size }] : [];
    });
  }

  /** Of thousands of processes each may lack an image: to ask for it costs a tenth of an error. */
  has(name: string): boolean {
    try {
      return lstatSync(this.pathOf(name), { throwIfNoEntry: false }) !== undefined;
    } catch {
      return true; // opening it tells why
    }
  }

  open(name: string): StoredFile {
    return new DirectoryFile(this.pathOf(name));
  }
}
