import { imageFileName, type ImageType } from '../../image/catalogue.js';
import type { PagemapEntry, PagemapHead } from '../../image/generated/messages.js';
import { nrPages, pageFlags, runFault } from '../../image/pagemap.js';
import { PAGE_SIZE, PE } from '../../image/vma-status.js';
import type { SetImages } from './set-images.js';

/** A pagemap image in 17 bytes an entry: there may be millions. */
export class Runs {
  readonly image: string;
  readonly pagesId: number;
  readonly starts: number[] = [];
  readonly ends: number[] = [];
  readonly flags: number[] = [];
  /** Entries that are no runs of pages, or out of order. */
  readonly faults: { entry: number; text: string }[] = [];
  /** Pages whose bytes are in the pages image. */
  nrPresent = 0;

  constructor(image: string, head: PagemapHead) {
    this.image = image;
    this.pagesId = head.pages_id;
  }

  add(entry: PagemapEntry, index: number): void {
    const start = Number(entry.vaddr);
    const fault = runFault(entry, this.ends.at(-1) ?? 0);
    if (fault !== undefined) {
      if (this.faults.length < MAX_FAULTS) this.faults.push({ entry: index, text: fault });
      return;
    }
    const pages = Number(nrPages(entry));
    const flags = pageFlags(entry);
    if (flags & PE.PRESENT) this.nrPresent += pages;
    this.starts.push(start);
    this.ends.push(start + pages * PAGE_SIZE);
    this.flags.push(flags);
  }
}

const MAX_FAULTS = 100;

/** Reads a pagemap by entry. @returns undefined when it is not there or damaged, which the set notes */
export function readPagemap(
  set: SetImages,
  type: Extract<ImageType, 'PAGEMAP' | 'SHMEM_PAGEMAP'>,
  id: number | bigint,
): Runs | undefined {
  const image = imageFileName(type, id);
  let runs: Runs | undefined;
  const whole = set.each(type, id, (message, index) => {
    if (index === 0) runs = new Runs(image, message as PagemapHead);
    else runs?.add(message as PagemapEntry, index);
  });
  if (whole && !runs) set.noEntry(image);
  return whole ? runs : undefined;
}
