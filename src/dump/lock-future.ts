import { CritError } from '../image/errors.js';
import { PAGE_SIZE } from '../image/vma-status.js';
import { ERRNO } from '../kernel/uapi/errno.js';
import {
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  MCL_FUTURE,
  MCL_ONFAULT,
  MS_INVALIDATE,
  PROT_READ,
  PROT_WRITE,
} from '../kernel/uapi/mman.js';
import { answer } from '../native/sys.js';
import type { Batch } from '../task/batch.js';

/**
 * Whether mappings to come are locked (mlockall(2)). Nobody tells; a page that is mapped and unmapped again shows it: of a
 * locked one the cache cannot be invalidated (msync(2), EBUSY), and it is there at once unless locks wait for the first
 * touch. 4 operations.
 * @returns the flags for mlockall(2), 0 for none. @throws CritError UNSUPPORTED, when answering
 */
export function askLockFuture(pid: number, b: Batch): () => number {
  b.reserve(4, 64);
  const there = b.out(1);
  const page = b.tryCall('mmap', 0, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const synced = b.tryCall('msync', page, PAGE_SIZE, MS_INVALIDATE);
  const looked = b.tryCall('mincore', page, PAGE_SIZE, there);
  const unmapped = b.tryCall('munmap', page, PAGE_SIZE);
  return () => {
    if (page.value < 0 && page.value > -4096)
      throw new CritError(
        `process ${pid} can map no page more, so it cannot be told whether its new memory is locked (mlockall): see its limits (ulimit -l, ulimit -v)`,
        { code: 'UNSUPPORTED' },
      );
    answer('munmap', unmapped.value, []);
    if (synced.value !== -ERRNO.EBUSY) {
      answer('msync', synced.value, []);
      return 0;
    }
    answer('mincore', looked.value, []);
    return there.bytes[0]! & 1 ? MCL_FUTURE : MCL_FUTURE | MCL_ONFAULT;
  };
}
