import { CritError } from './errors.js';
import type { PagemapEntry, PagemapHead } from './generated/messages.js';
import { PAGE_SIZE, PE } from './vma-status.js';

/** Pages that follow each other: addresses of a task, or offsets in shared memory. */
export interface PageRun {
  start: number;
  end: number;
  /** PE */
  flags: number;
}

/** Pages whose bytes are in a pages image, and where there. */
export interface StoredRun {
  start: number;
  end: number;
  at: { pagesId: number; offset: number };
}

/** A pagemap image: its head, then a run an entry. */
export type Pagemap = readonly [PagemapHead, ...PagemapEntry[]];

/** Parts the head from the entries. */
export function splitPagemap(messages: readonly (PagemapHead | PagemapEntry)[]): {
  head: PagemapHead | undefined;
  entries: readonly PagemapEntry[];
} {
  const [head, ...entries] = messages;
  return { head: head as PagemapHead | undefined, entries: entries as PagemapEntry[] };
}

/** CRIU before 4.0 knew only the older field. */
export const nrPages = ({ nr_pages, compat_nr_pages }: PagemapEntry): bigint => nr_pages ?? BigInt(compat_nr_pages);

/** Images from before there were flags tell of pages only whether they are in the parent's images. */
export const pageFlags = ({ flags, in_parent }: PagemapEntry): number =>
  in_parent ? (flags ?? 0) | PE.PARENT : (flags ?? PE.PRESENT);

/** Why an entry is no run of pages behind the one that ends at `previousEnd`; undefined when it is one. */
export function runFault(entry: PagemapEntry, previousEnd: number): string | undefined {
  const pages = nrPages(entry);
  if (entry.vaddr % BigInt(PAGE_SIZE)) return `vaddr 0x${entry.vaddr.toString(16)} is not page aligned`;
  if (pages < 1n || pages > 1n << 35n) return `nr_pages is ${pages}`;
  return Number(entry.vaddr) < previousEnd ? 'overlaps the one before, or is out of order' : undefined;
}

/** Reads entries behind the head. @throws CritError BAD_IMAGE on runs that are not in order or no pages */
export function* readRuns(file: string, entries: Iterable<PagemapEntry>): Generator<PageRun> {
  let previous = 0;
  let i = 0;
  for (const entry of entries) {
    i++;
    const fault = runFault(entry, previous);
    if (fault !== undefined) throw new CritError(`${file}: entries[${i}]: ${fault}`, { code: 'BAD_IMAGE' });
    const start = Number(entry.vaddr);
    previous = start + Number(nrPages(entry)) * PAGE_SIZE;
    yield { start, end: previous, flags: pageFlags(entry) };
  }
}

/** Where the bytes of the runs are that a pages image has: in their order, without gaps. Runs that touch are joined. */
export function storedRuns(pagesId: number, runs: Iterable<PageRun>): StoredRun[] {
  const stored: StoredRun[] = [];
  let offset = 0;
  for (const { start, end, flags } of runs) {
    if (!(flags & PE.PRESENT)) continue;
    const last = stored.at(-1);
    if (last?.end === start) last.end = end;
    else stored.push({ start, end, at: { pagesId, offset } });
    offset += end - start;
  }
  return stored;
}

/** The pagemap of runs whose bytes are in a pages image. Runs that touch and have the same flags are one entry. */
export function pagemapOf(pagesId: number, runs: Iterable<PageRun>): Pagemap {
  const entries: (PagemapEntry & { nr_pages: bigint })[] = [];
  let end = -1;
  for (const run of runs) {
    const last = entries.at(-1);
    const pages = BigInt((run.end - run.start) / PAGE_SIZE);
    if (last?.flags === run.flags && end === run.start) last.nr_pages += pages;
    else entries.push({ vaddr: BigInt(run.start), compat_nr_pages: 0, flags: run.flags, nr_pages: pages });
    end = run.end;
  }
  return [{ pages_id: pagesId }, ...entries];
}
