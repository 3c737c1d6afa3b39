import type { PagemapEntry } from '../image/generated/messages.js';
import type { StoredRun } from '../image/pagemap.js';
import type { PageSource } from '../pages/page-source.js';
import type { Batch } from '../task/batch.js';
import { place } from './files/place.js';

/** The pages images that puppets read: each has a number of its own in the root, and so in all tasks, which inherit it. */
export class TreePages {
  readonly #source: PageSource;
  readonly #reserve: () => number;
  readonly #fds = new Map<number, number>();

  /** @param reserve gives a descriptor number that nothing else uses */
  constructor(source: PageSource, reserve: () => number) {
    this.#source = source;
    this.#reserve = reserve;
  }

  /** As PageSource.locate, of pages that puppets are to read. */
  locate(file: string, pagesId: number, entries: readonly PagemapEntry[]): StoredRun[] {
    const runs = this.#source.locate(file, pagesId, entries);
    for (const { at } of runs) if (!this.#fds.has(at.pagesId)) this.#fds.set(at.pagesId, this.#reserve());
    return runs;
  }

  /** Opens the images in the root. Runs the batch. */
  open(b: Batch): void {
    using _doing = b.doing('opening the pages images');
    this.#source.openIn(b, this.#fds.keys(), (_b, id, fd) => {
      place(b, fd, this.fdOf(id));
    });
  }

  /** The descriptor of an image, in every task. */
  fdOf(pagesId: number): number {
    return this.#fds.get(pagesId)!;
  }
}
