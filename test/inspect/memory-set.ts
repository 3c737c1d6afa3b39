import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { ImageDir } from '../../src/encode/image-dir.js';
import { imageFileName } from '../../src/image/catalogue.js';
import { ImageError } from '../../src/image/errors.js';
import type { ImageStore, StoredFile } from '../../src/image/image-store.js';
import { nrPages, pageFlags, splitPagemap } from '../../src/image/pagemap.js';
import { PAGE_SIZE, PE } from '../../src/image/vma-status.js';
import type { Checkpoint } from '../../src/inspect/checkpoint.js';

/** A file of a set: bytes, or so many zeros. */
export type Content = Uint8Array | number;
export type Files = ReadonlyMap<string, Content>;

const sizeOf = (content: Content): number => (typeof content === 'number' ? content : content.length);

class MemoryStore implements ImageStore {
  readonly #files: Files;
  constructor(files: Files) {
    this.#files = files;
  }
  files() {
    return [...this.#files]
      .map(([name, content]) => ({ name, sizeBytes: sizeOf(content) }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }
  pathOf = (name: string): string => name;
  has = (name: string): boolean => this.#files.has(name);
  open(name: string): StoredFile {
    const content = this.#files.get(name);
    if (content === undefined) throw new ImageError('there is no such file', { file: name }, { code: 'NO_IMAGE' });
    return {
      name,
      sizeBytes: sizeOf(content),
      read(target, offset, length, position) {
        const bytes =
          typeof content === 'number'
            ? new Uint8Array(Math.max(0, Math.min(length, content - position)))
            : content.subarray(position, position + length);
        target.set(bytes, offset);
        return bytes.length;
      },
      [Symbol.dispose]: () => undefined,
    };
  }
}

/** A checkpoint whose files are in memory. */
export function memoryCheckpoint(files: Files, parent?: Checkpoint): Checkpoint {
  const store = new MemoryStore(files);
  return {
    path: 'memory',
    images: new ImageDir({ path: 'memory', store }),
    beside: store,
    damage: undefined,
    parent: () => parent,
  };
}

/** The images of a directory; pages, which fixtures lack, are zeros. */
export function readSet(directory: string): Map<string, Content> {
  const files = new Map<string, Content>();
  for (const name of readdirSync(directory))
    if (!name.endsWith('.json')) files.set(name, readFileSync(path.join(directory, name)));
  const { images } = memoryCheckpoint(files);
  for (const { type, id } of images.list()) {
    if (type !== 'PAGEMAP' && type !== 'SHMEM_PAGEMAP') continue;
    const { head, entries } = splitPagemap(images.messages(type, id)!);
    const pages = entries.reduce((sum, entry) => sum + (pageFlags(entry) & PE.PRESENT ? Number(nrPages(entry)) : 0), 0);
    if (pages > 0) files.set(imageFileName('PAGES', head!.pages_id), pages * PAGE_SIZE);
  }
  return files;
}
