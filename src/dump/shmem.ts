import { closeSync, fstatSync, readSync } from 'node:fs';
import { pagemapOf, type PageRun } from '../image/pagemap.js';
import { PAGE_SIZE, PE } from '../image/vma-status.js';
import { SEEK_DATA, SEEK_HOLE } from '../kernel/uapi/open-flags.js';
import { readMappedPage } from '../native/mapped-page.js';
import { answer, sys, sysRaw } from '../native/sys.js';
import { Increment } from './increment.js';
import { bytesOf, writeAll, writing } from './pages.js';
import type { DumpContext } from './context.js';

const PIECE = 1 << 20;

const run = (start: number, end: number): PageRun => ({ start, end, flags: PE.PRESENT });

/** What is there of a file. */
function dataRuns(fd: number, size: number): PageRun[] {
  const runs: PageRun[] = [];
  for (let at = 0; at < size;) {
    const data = answer('lseek', sysRaw('lseek', fd, at, SEEK_DATA), ['ENXIO'], 'of shared memory');
    if (data === undefined) break; // nothing but a hole
    const hole = sys('lseek', fd, data, SEEK_HOLE);
    const start = Math.floor(data / PAGE_SIZE) * PAGE_SIZE;
    const end = Math.ceil(hole / PAGE_SIZE) * PAGE_SIZE;
    runs.push(run(start, end));
    at = end;
  }
  return runs;
}

/** hugetlbfs calls a whole file data: what holds nothing but zeros may be a hole. */
function nonZeroRuns(fd: number, size: number, buffer: Buffer): PageRun[] {
  const runs: PageRun[] = [];
  for (let at = 0; at < size; at += PIECE) {
    const got = readSync(fd, buffer, 0, Math.min(PIECE, size - at), at);
    if (!buffer.subarray(0, got).some((byte) => byte !== 0)) continue;
    const last = runs.at(-1);
    if (last?.end === at) last.end += got;
    else runs.push(run(at, at + got));
  }
  return runs;
}

/**
 * Writes the content of a shared memory object (memfd or anonymous shared mapping) into pagemap-shmem-<shmid>.img and a
 * pages image; holes stay holes. `fd` is crit's own descriptor of the object, `huge` says that it is of huge pages.
 */
export function dumpShmem(ctx: DumpContext, shmid: number, fd: number, huge: boolean): void {
  const size = fstatSync(fd).size;
  const buffer = Buffer.allocUnsafeSlow(PIECE);
  const runs = huge ? nonZeroRuns(fd, size, buffer) : dataRuns(fd, size);
  const pagesId = ctx.images.nextPagesId();
  const { fd: out, file } = ctx.images.create('PAGES', pagesId);
  const before = ctx.previous?.pagesOf('SHMEM_PAGEMAP', shmid) ?? [];
  const increment = ctx.previous && new Increment(runs, before, ctx.previous.open, { fd: out, file });
  try {
    let offset = 0;
    for (const { start, end } of runs)
      for (let at = start; at < end;) {
        const want = Math.min(PIECE, end - at);
        const got = readSync(fd, buffer, 0, want, at);
        // the last page of an object may be partial: behind its end is what was written by way of a mapping
        if (got < want) buffer.fill(0, got, want);
        if (got < want && got % PAGE_SIZE > 0) buffer.set(readMappedPage(fd, at + got), got - (got % PAGE_SIZE));
        if (increment) increment.put(buffer.subarray(0, want), offset);
        else
          writing(file, () => {
            writeAll(out, buffer.subarray(0, want), offset);
          });
        offset += want;
        at += want;
      }
  } finally {
    closeSync(out);
  }
  const { written, skipped } = increment?.counts ?? { written: bytesOf(runs) / PAGE_SIZE, skipped: 0 };
  ctx.stats.add('shpages_written', written);
  ctx.stats.add('shpages_skipped_parent', skipped);
  ctx.write(
    'SHMEM_PAGEMAP',
    shmid,
    pagemapOf(pagesId, increment?.found ?? runs).map((message) => ({ message })),
  );
}
