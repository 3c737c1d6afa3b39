import type { PagemapEntry } from '../image/generated/messages.js';
import type { StoredRun } from '../image/pagemap.js';
import type { Batch, Ref } from '../task/batch.js';

/** Images that tell which pages there are: of a process, of an object of shared memory. */
export type PagemapType = 'PAGEMAP' | 'SHMEM_PAGEMAP';

/** Where the bytes of pages come from. */
export interface PageSource {
  /**
   * Where the bytes of a pagemap's runs are.
   * @param id in the pagemap's name @param pagesId the pages image that its head names
   * @throws CritError BAD_IMAGE, MISSING_IMAGE, MISSING_PARENT
   */
  locate(type: PagemapType, id: number, pagesId: number, entries: readonly PagemapEntry[]): StoredRun[];
  /** What a pages image is called, for people. @param pagesId of a run, as all below */
  nameOf(pagesId: number): string;
  /** Opens a pages image in which runs are, for crit. @returns a descriptor, which the caller closes */
  open(pagesId: number): number;
  /** Opens some in a puppet. Runs the batch. @param placed is given each descriptor */
  openIn(b: Batch, pagesIds: Iterable<number>, placed: (b: Batch, pagesId: number, fd: Ref) => void): void;
}
