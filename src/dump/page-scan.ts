import { closeSync, openSync } from 'node:fs';
import { addon } from '../native/addon.js';
import { SysError, sysRaw } from '../native/sys.js';

/** PAGEMAP_SCAN: ioctl(2) on /proc/PID/pagemap, linux/fs.h, Linux 6.7: _IOWR('f', 16, struct pm_scan_arg) */
const PAGEMAP_SCAN = 0xc0606610;
const PAGE_IS_FILE = 1 << 2;
const PAGE_IS_PRESENT = 1 << 3;
const PAGE_IS_SWAPPED = 1 << 4;
const PAGE_IS_PFNZERO = 1 << 5;
/** struct pm_scan_arg: size, flags, start, end, walk_end, vec, vec_len, max_pages, 4 masks: 12 words */
const ARG_WORDS = 12;
/** struct page_region: start, end, categories */
const REGION_WORDS = 3;
const VEC_LEN = 4096;

/** Pages that are there, as a range of addresses. */
export interface PageRegion {
  start: number;
  end: number;
}

/**
 * The populated pages of a task in [start, end) that hold bytes of its own: present or swapped, not the zero page, and
 * (unless `files`) not those of a mapped file.
 * Cost: about 8 ms for 1 GiB of 4 KiB pages.
 */
export class PageScanner implements Disposable {
  readonly #fd: number;
  readonly #pid: number;
  readonly #vec = new BigUint64Array(VEC_LEN * REGION_WORDS);

  constructor(pid: number) {
    this.#pid = pid;
    this.#fd = openSync(`/proc/${pid}/pagemap`, 'r');
  }

  *regions(start: number, end: number, files = false): Generator<PageRegion> {
    const arg = new BigUint64Array(ARG_WORDS);
    arg[0] = BigInt(ARG_WORDS * 8);
    arg[3] = BigInt(end);
    // inverted, required, any of, returned
    const inverted = PAGE_IS_PFNZERO | (files ? 0 : PAGE_IS_FILE);
    arg[8] = BigInt(inverted);
    arg[9] = BigInt(inverted);
    arg[10] = BigInt(PAGE_IS_PRESENT | PAGE_IS_SWAPPED);
    arg[11] = BigInt(PAGE_IS_PRESENT);
    let at = BigInt(start);
    while (at < BigInt(end)) {
      arg[2] = at;
      arg[4] = 0n;
      arg[5] = addon().addressOf(this.#vec);
      arg[6] = BigInt(VEC_LEN);
      const n = sysRaw('ioctl', this.#fd, PAGEMAP_SCAN, arg);
      if (n < 0) throw new SysError('ioctl', -n, `PAGEMAP_SCAN of task ${this.#pid}`);
      for (let i = 0; i < n; i++)
        yield { start: Number(this.#vec[i * REGION_WORDS]!), end: Number(this.#vec[i * REGION_WORDS + 1]!) };
      at = arg[4];
      if (n === 0 && at >= BigInt(end)) break;
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}
