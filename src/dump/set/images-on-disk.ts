import { closeSync, fsyncSync, lstatSync, readdirSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { createImageFile, ImageWriter } from '../../encode/image-writer.js';
import { imageFileName, type ImageType } from '../../image/catalogue.js';
import { CritError } from '../../image/errors.js';
import { whyFailed } from '../../image/system-words.js';
import type { Messages } from '../../image/generated/messages.js';
import { PARENT } from '../../image/parent-link.js';
import { at, openTrustedDirectory } from '../../kernel/trusted-path.js';
import { sys } from '../../native/sys.js';
import type { ImageSink, OutEntry } from '../image-sink.js';
import { fault } from './fault.js';
import {
  commit,
  emptyStaging,
  isCommitted,
  isOfSet,
  lockStaging,
  putInPlace,
  removeInventory,
  removeStaging,
  STAGING,
  takeBack,
} from './place.js';

/**
 * An images directory. Images are made (mode 0600) in a directory inside it, and take the place of an older set when
 * all are there; until then the older one is untouched. No other dump writes there meanwhile.
 */
export class ImagesOnDisk implements ImageSink, Disposable {
  readonly #shown: string;
  readonly #sync: boolean;
  readonly #dirFd: number;
  readonly #stagingFd: number;
  readonly #made = new Map<string, Messages['set_image_entry']>();
  /** The set before this one, from the images directory on. */
  readonly #parent: string | undefined;
  #pagesId = 0;
  #committed = false;

  /** @throws CritError BUSY when another dump is at work there, BAD_DIRECTORY */
  constructor(dir: string, { sync = false, parent }: { sync?: boolean; parent?: string | undefined } = {}) {
    this.#shown = dir;
    this.#sync = sync;
    this.#dirFd = openTrustedDirectory(dir);
    this.#stagingFd = lockStaging(this.#dirFd, dir);
    if (isCommitted(this.#stagingFd)) putInPlace(this.#dirFd, this.#stagingFd, dir);
    emptyStaging(this.#stagingFd);
    // What cannot be replaced is found out before anything is stopped.
    for (const entry of readdirSync(at(this.#dirFd, '.'), { withFileTypes: true }))
      if (entry.isDirectory() && isOfSet(entry.name))
        throw new CritError(`${path.join(dir, entry.name)} is a directory where an image belongs: remove it`, {
          code: 'BAD_DIRECTORY',
        });
    this.#parent = parent;
    this.#link();
  }

  #link(): void {
    const parent = this.#parent;
    if (parent === undefined) return;
    if (lstatSync(at(this.#dirFd, PARENT), { throwIfNoEntry: false })?.isDirectory())
      throw new CritError(
        `${path.join(this.#shown, PARENT)} is a directory where the link to the set before belongs: remove it`,
        { code: 'BAD_DIRECTORY' },
      );
    symlinkSync(parent, at(this.#stagingFd, PARENT));
    this.#made.set(PARENT, { name: PARENT });
  }

  #name(type: ImageType, id: number | undefined): { name: string; shown: string } {
    const name = imageFileName(type, id);
    return { name, shown: path.join(this.#shown, name) };
  }

  create(type: 'PAGES', id: number): { fd: number; file: string } {
    const { name, shown } = this.#name(type, id);
    this.#made.set(name, { name });
    return { fd: createImageFile(at(this.#stagingFd, name), shown), file: shown };
  }

  write(type: ImageType, id: number | undefined, entries: Iterable<OutEntry>): void {
    const { name, shown } = this.#name(type, id);
    using writer = new ImageWriter(at(this.#stagingFd, name), type, undefined, shown);
    for (const { message, extra } of entries) writer.append(message, extra);
    this.#made.set(name, { name, size: BigInt(writer.sizeBytes) });
  }

  nextPagesId(): number {
    return ++this.#pagesId;
  }

  record(): Messages['set_image_entry'][] {
    return [...this.#made.values()];
  }

  commit(): void {
    if (this.#sync) this.#syncStaging();
    commit(this.#stagingFd);
    try {
      if (this.#sync) fsyncSync(this.#stagingFd);
      removeInventory(this.#dirFd);
    } catch (error) {
      takeBack(this.#stagingFd);
      throw this.#cannot('the old set cannot be taken away', error);
    }
    this.#committed = true;
    fault('commit');
    try {
      if (!putInPlace(this.#dirFd, this.#stagingFd, this.#shown))
        throw new CritError('the inventory cannot be read', { code: 'UNREADABLE' });
      if (this.#sync) fsyncSync(this.#dirFd);
    } catch (error) {
      throw this.#cannot(
        `the images are complete, but cannot be taken out of ${path.join(this.#shown, STAGING)} (the next dump or restore tries again; the processes were not ended)`,
        error,
      );
    }
    this.#clear();
  }

  /**
   * The files, and that they have these names. One call for the whole file system: fsync(2) of each file waits for the
   * journal each time (a thousand files: 3 s against 0.1 s). Errors of earlier writes are told too (syncfs(2)).
   */
  #syncStaging(): void {
    try {
      sys('syncfs', this.#stagingFd);
    } catch (error) {
      throw this.#cannot(`the images in ${this.#shown} cannot be brought to the disk`, error);
    }
  }

  #cannot(what: string, cause: unknown): CritError {
    return new CritError(`${what}: ${whyFailed(cause)}`, { code: 'CANNOT_WRITE', cause });
  }

  /** Forgets what was made: another try begins. */
  discard(): void {
    if (this.#committed) return;
    this.#made.clear();
    this.#pagesId = 0;
    try {
      emptyStaging(this.#stagingFd);
      this.#link();
    } catch {
      // what failed first is what is told
    }
  }

  /** What cannot be removed is removed by the next dump. */
  #clear(): void {
    try {
      removeStaging(this.#dirFd, this.#stagingFd);
    } catch {
      // it is gone already, or the file system fails: what failed first is what is told
    }
  }

  /** Nothing is left of a dump that did not come to its end. */
  [Symbol.dispose](): void {
    if (!this.#committed) this.#clear();
    closeSync(this.#stagingFd);
    closeSync(this.#dirFd);
  }
}
