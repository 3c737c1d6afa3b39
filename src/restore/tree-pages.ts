import { closeSync, readSync } from 'node:fs';
import type { PagemapEntry } from '../image/generated/messages.js';
import type { StoredRun } from '../image/pagemap.js';
import type { PagemapType, PageSource } from '../pages/page-source.js';
import type { Batch } from '../task/batch.js';
import { clip } from '../pages/runs.js';
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
  locate(type: PagemapType, id: number, pagesId: number, entries: readonly PagemapEntry[]): StoredRun[] {
    const runs = this.#source.locate(type, id, pagesId, entries);
    for (const { at } of runs) if (!this.#fds.has(at.pagesId)) this.#fds.set(at.pagesId, this.#reserve());
    return runs;
  }

  /** Reads the first bytes of a page, for crit. @returns undefined where the images have no such page */
  peek(runs: readonly StoredRun[], start: number, bytes: number): Uint8Array | undefined {
    const run = clip(runs, start, start + bytes)[0];
    if (run?.start !== start) return undefined;
    const fd = this.#source.open(run.at.pagesId);
    try {
      const read = new Uint8Array(bytes);
      readSync(fd, read, 0, bytes, run.at.offset);
      return read;
    } finally {
      closeSync(fd);
    }
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
