import type { StoredRun } from '../image/pagemap.js';
import { PAGE_SIZE } from '../image/vma-status.js';
import { SYSCALLS } from '../arch/index.js';
import { MADV_POPULATE_WRITE } from '../kernel/uapi/mman.js';
import type { Batch } from '../task/batch.js';
import type { Puppet } from '../task/puppet.js';
import type { Pending } from './memory.js';
import { bytesIn, cutAt, followsInFile, slices } from '../pages/runs.js';

const IOV_MAX = 1024;
/** Room for comparing shared pages, in the arena. */
const SCRATCH_BYTES = 16 * PAGE_SIZE;
/** Pieces that stay in the processor's cache between being cleared and being filled. */
const SLICE_BYTES = 2 << 20;
/** From here on a second thread pays. */
const ASSISTED_BYTES = 32 << 20;
/** A person waits for so much a tenth of a second. */
const REPORTED_BYTES = 256 << 20;

type FdOf = (pagesId: number) => number;

/** Operations of at most 1024 iovecs each that fill page runs. */
function fill(b: Batch, operation: 'read' | 'compare', fdOf: FdOf, all: readonly StoredRun[], populate = false): void {
  const runs = populate ? all.flatMap((run) => slices(run, SLICE_BYTES)) : all;
  for (let i = 0; i < runs.length;) {
    let n = 1;
    const { pagesId, offset } = runs[i]!.at;
    const fd = fdOf(pagesId);
    // iovecs of one operation follow each other in the file
    while (i + n < runs.length && n < (populate ? 1 : IOV_MAX) && followsInFile(runs[i + n - 1]!, runs[i + n]!)) n++;
    const iov = new BigUint64Array(n * 2);
    for (let k = 0; k < n; k++) {
      iov[k * 2] = BigInt(runs[i + k]!.start);
      iov[k * 2 + 1] = BigInt(runs[i + k]!.end - runs[i + k]!.start);
    }
    const bytes = new Uint8Array(iov.buffer);
    if (populate)
      for (let k = 0; k < n; k++) {
        const { start, end } = runs[i + k]!;
        // may fail where there is no page of the task's own to make (a hole in a file): reading tells
        if (end - start >= SLICE_BYTES / 8) b.tryCall('madvise', start, end - start, MADV_POPULATE_WRITE);
      }
    if (operation === 'read') {
      b.reserve(1, bytes.length);
      b.call('vector', SYSCALLS.preadv, fd, bytes, n, offset);
    } else {
      b.reserve(1, bytes.length + SCRATCH_BYTES);
      const scratch = b.scratch(SCRATCH_BYTES);
      b.call('cowFill', fd, bytes, n, offset, scratch, SCRATCH_BYTES);
    }
    i += n;
  }
}

/**
 * Fills the pages; the last part is only handed over, the puppet works on it while crit goes on. Large memories are
 * populated first and filled by a second thread as well: a page fault a page costs more than the copy.
 * @param fdOf the descriptor, in the task, of a pages image
 * @param filled is told how many bytes more are there, or will be
 */
export function fillMemory(
  puppet: Puppet,
  fdOf: FdOf,
  pending: Pending,
  assistant: () => Assistant,
  filled: (bytes: number) => void,
): void {
  const b = puppet.batch();
  const total = bytesIn(pending.read);
  puppet.patience.grant(total + bytesIn(pending.compare));
  {
    using _doing = b.doing('reading pages');
    if (total < ASSISTED_BYTES) {
      fill(b, 'read', fdOf, pending.read);
      filled(total);
    } else {
      b.run();
      const { puppet: other, end } = assistant();
      const c = other.batch();
      using _reading = c.doing('reading pages');
      for (let rest: readonly StoredRun[] = pending.read; rest.length > 0;) {
        const [piece, others] = cutAt(rest, REPORTED_BYTES);
        rest = others;
        const [mine, theirs] = cutAt(piece, bytesIn(piece) / 2);
        fill(c, 'read', fdOf, theirs, true);
        c.submit();
        fill(b, 'read', fdOf, mine, true);
        b.run();
        c.run();
        filled(bytesIn(piece));
      }
      end();
    }
    fill(b, 'compare', fdOf, pending.compare);
  }
  using _doing = b.doing('setting protections');
  for (const range of pending.protect) b.call('mprotect', range.start, range.end - range.start, range.prot);
  b.submit();
}

/** Adds the reading of pages. */
export function readPages(b: Batch, fdOf: FdOf, runs: readonly StoredRun[]): void {
  fill(b, 'read', fdOf, runs);
}

/** A second thread in the task; `end` makes it leave. */
export interface Assistant {
  puppet: Puppet;
  end: () => void;
}
