import { closeSync } from 'node:fs';
import { ImageDir } from '../encode/image-dir.js';
import { CritError } from '../image/errors.js';
import type { StoredRun } from '../image/pagemap.js';
import { LocalPages } from '../pages/local-pages.js';
import type { PagemapType } from '../pages/page-source.js';

/**
 * The set that a dump adds to, with those before it. Where it has which pages is found out before anything is stopped; a
 * process that it does not know is written whole.
 */
export class PreviousSet implements Disposable {
  readonly #pages: LocalPages;
  readonly #where = new Map<string, readonly StoredRun[]>();
  readonly #fds = new Map<number, number>();

  /** @throws CritError BAD_IMAGE, MISSING_IMAGE, MISSING_PARENT */
  constructor(directory: string) {
    const images = new ImageDir(directory);
    const pagemaps = images.list().filter(({ type }) => type === 'PAGEMAP' || type === 'SHMEM_PAGEMAP');
    if (pagemaps.length === 0)
      throw new CritError(
        `--prev-images-dir: ${directory} has no images of pages: name the set that this one adds to`,
        {
          code: 'NO_IMAGE',
        },
      );
    this.#pages = new LocalPages(images);
    for (const { type, id } of pagemaps)
      this.#where.set(`${type} ${id}`, this.#pages.whole(type as PagemapType, Number(id)));
  }

  /** Where it has pages of a process or of shared memory. */
  pagesOf(type: PagemapType, id: number): readonly StoredRun[] {
    return this.#where.get(`${type} ${id}`) ?? [];
  }

  /** A descriptor of a pages image that is named there. */
  readonly open = (pagesId: number): number => {
    let fd = this.#fds.get(pagesId);
    if (fd === undefined) this.#fds.set(pagesId, (fd = this.#pages.open(pagesId)));
    return fd;
  };

  [Symbol.dispose](): void {
    for (const fd of this.#fds.values()) closeSync(fd);
    this.#fds.clear();
  }
}
