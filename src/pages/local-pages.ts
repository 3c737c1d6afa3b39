import { closeSync, fstatSync, realpathSync } from 'node:fs';
import { ImageDir } from '../encode/image-dir.js';
import { imageFileName } from '../image/catalogue.js';
import { CritError, ImageError } from '../image/errors.js';
import type { PagemapEntry } from '../image/generated/messages.js';
import { readRuns, storedRuns, type StoredRun } from '../image/pagemap.js';
import { openRegularFile } from '../image/regular-file.js';
import { PE } from '../image/vma-status.js';
import { O_RDONLY } from '../kernel/uapi/open-flags.js';
import type { Batch, Ref } from '../task/batch.js';
import { ownRoot } from '../task/lookup-root.js';
import { VerifiedOpens, type Seen } from '../task/verified-open.js';
import type { PageSource } from './page-source.js';
import { bytesIn } from './runs.js';

const nameOf = (pagesId: number) => imageFileName('PAGES', pagesId);

interface PagesImage extends Seen {
  readonly sizeBytes: number;
}

/** The pages images of a set: looked at before anything is started, then opened by crit or by the puppets themselves. */
export class LocalPages implements PageSource {
  readonly #images: ImageDir;
  readonly #found = new Map<number, PagesImage>();

  constructor({ path }: ImageDir) {
    this.#images = new ImageDir(realpathSync(path));
  }

  locate(file: string, pagesId: number, entries: readonly PagemapEntry[]): StoredRun[] {
    const sizeBytes = this.#sizeOf(pagesId, file);
    const runs = [...readRuns(file, entries)];
    const bad = (text: string) => new CritError(text, { code: 'BAD_IMAGE' });
    const inParent = runs.findIndex(({ flags }) => flags & PE.PARENT);
    if (inParent >= 0)
      throw bad(`${file}: entries[${inParent + 1}]: its pages are in a parent image set: not supported yet`);
    const stored = storedRuns(pagesId, runs);
    const described = bytesIn(stored);
    if (described > sizeBytes)
      throw bad(`${nameOf(pagesId)} has ${sizeBytes} bytes, ${file} describes ${described}: it is truncated`);
    return stored;
  }

  /** Its size. @param by the image that names it @throws CritError MISSING_IMAGE, or as openRegularFile */
  #sizeOf(pagesId: number, by: string): number {
    let image = this.#found.get(pagesId);
    if (!image) {
      const file = nameOf(pagesId);
      try {
        const { fd, path: at } = openRegularFile(this.#images.file('PAGES', pagesId));
        try {
          const { dev, ino, size } = fstatSync(fd, { bigint: true });
          image = { path: at, dev, ino, sizeBytes: Number(size) };
        } finally {
          closeSync(fd);
        }
      } catch (error) {
        if (!(error instanceof ImageError) || error.code !== 'NO_IMAGE') throw error;
        throw new CritError(`${by} names ${file}, which is missing`, { code: 'MISSING_IMAGE', cause: error });
      }
      this.#found.set(pagesId, image);
    }
    return image.sizeBytes;
  }

  open(pagesId: number): number {
    const file = nameOf(pagesId);
    const seen = this.#found.get(pagesId)!;
    const { fd } = openRegularFile(this.#images.file('PAGES', pagesId));
    const { dev, ino } = fstatSync(fd, { bigint: true });
    if (dev === seen.dev && ino === seen.ino) return fd;
    closeSync(fd);
    throw new CritError(`${file} was exchanged while it was being restored`, { code: 'EXCHANGED_FILE' });
  }

  openIn(b: Batch, pagesIds: Iterable<number>, placed: (b: Batch, pagesId: number, fd: Ref) => void): void {
    const opens = new VerifiedOpens(ownRoot);
    for (const id of pagesIds) placed(b, id, opens.open(b, this.#found.get(id)!, O_RDONLY));
    b.run();
    opens.check();
  }
}
