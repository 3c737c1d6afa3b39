import type { PagemapEntry, VmaEntry } from '../image/generated/messages.js';
import type { ImageDir } from '../encode/image-dir.js';
import { FileNames } from './file-names.js';
import { nrPages, splitPagemap } from '../image/pagemap.js';
import { VMA } from '../image/vma-status.js';
import { tasksOf } from './tasks.js';

/** A mapping that a run of pages lies in. */
export interface RangeVma {
  readonly start: bigint;
  readonly pages: bigint;
  readonly path: string | undefined;
  /** The run before this one lies in the same mapping. */
  readonly again: boolean;
}

/** One run of pages in the pagemap image. */
export interface PageRange {
  readonly vaddr: bigint;
  readonly pages: bigint;
  /** PE_PARENT 1, PE_LAZY 2, PE_PRESENT 4 (criu/include/pagemap.h); undefined in images of old versions. */
  readonly flags: number | undefined;
  readonly vmas: readonly RangeVma[];
}

/** The pages of one task that the images know of. */
export interface TaskPages {
  readonly pid: number;
  readonly ranges: readonly PageRange[];
}

const PAGE_SHIFT = 12n;

function inMappings(pages: readonly PagemapEntry[], vmas: readonly VmaEntry[], names: FileNames): PageRange[] {
  const ranges: PageRange[] = [];
  let at = 0;
  let shown = -1;
  for (const entry of pages) {
    const count = nrPages(entry);
    const end = entry.vaddr + (count << PAGE_SHIFT);
    while (at < vmas.length && (vmas[at]?.end ?? 0n) <= entry.vaddr) at++;
    const found: RangeVma[] = [];
    for (let vma = vmas[at]; vma && vma.start < end; vma = vmas[++at]) {
      found.push({
        start: vma.start,
        pages: (vma.end - vma.start) >> PAGE_SHIFT,
        path: vma.status & (VMA.FILE_PRIVATE | VMA.FILE_SHARED) ? names.path(Number(vma.shmid)) : undefined,
        again: at === shown,
      });
      shown = at;
    }
    // The next run may begin in the mapping that this one ended in.
    at = Math.max(0, at - 1);
    ranges.push({ vaddr: entry.vaddr, pages: count, flags: entry.flags, vmas: found });
  }
  return ranges;
}

/** Per task in the order of pstree.img; a zombie has no pages. */
export function taskRss(images: ImageDir): readonly TaskPages[] {
  const names = new FileNames(images);
  const out: TaskPages[] = [];
  for (const { pid } of tasksOf(images)) {
    const mm = images.first('MM', pid);
    const { entries } = splitPagemap(images.messages('PAGEMAP', pid) ?? []);
    out.push({ pid, ranges: inMappings(entries, mm?.vmas ?? [], names) });
  }
  return out;
}
