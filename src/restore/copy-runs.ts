import { closeSync, readSync } from 'node:fs';
import { CritError } from '../image/errors.js';
import type { StoredRun } from '../image/pagemap.js';
import { PAGE_SIZE } from '../image/vma-status.js';
import { ERRNO } from '../kernel/uapi/errno.js';
import { writeMappedPage } from '../native/mapped-page.js';
import { SysError, sysRaw } from '../native/sys.js';
import type { PageSource } from '../pages/page-source.js';

/**
 * Copies runs of pages into an object of shared memory, file to file.
 * @param to crit's descriptor of the object @param sizeBytes its size: the last page may be partial, what is behind its end comes by way of a mapping
 * @param where the pagemap image, for messages @throws CritError
 */
export function copyRuns(
  pages: PageSource,
  runs: readonly StoredRun[],
  to: number,
  sizeBytes: number,
  where: string,
): void {
  const sources = new Map<number, number>();
  try {
    for (const run of runs) {
      const { pagesId } = run.at;
      const from = sources.get(pagesId) ?? pages.open(pagesId);
      sources.set(pagesId, from);
      let left = Math.min(run.end, sizeBytes) - run.start;
      if (left <= 0) continue;
      const offset = new BigInt64Array([BigInt(run.at.offset)]);
      if (sysRaw('lseek', to, run.start, 0) < 0) throw new CritError(`${where}: cannot seek`, { code: 'EIO' });
      while (left > 0) {
        const n = sysRaw('sendfile', to, from, offset, left);
        if (n === -ERRNO.EINTR) continue;
        if (n <= 0) throw new SysError('sendfile', n ? -n : 61, `from ${pages.nameOf(pagesId)}`);
        left -= n;
      }
      if (run.start < sizeBytes && sizeBytes < run.end) copyTail(from, Number(offset[0]), to, sizeBytes);
    }
  } finally {
    for (const from of sources.values()) closeSync(from);
  }
}

/** What is behind the end of an object, in its last page. @param at where that is in `from` */
function copyTail(from: number, at: number, to: number, sizeBytes: number): void {
  const tail = new Uint8Array(PAGE_SIZE - (sizeBytes % PAGE_SIZE));
  readSync(from, tail, 0, tail.length, at);
  if (tail.some((byte) => byte !== 0)) writeMappedPage(to, sizeBytes, tail);
}
