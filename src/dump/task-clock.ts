import { readSched } from '../kernel/proc/sched-file.js';
import { sysRaw } from '../native/sys.js';

/** Room for the mask of 8192 processors. */
const MASK_BYTES = 1024;

/** CLOCK_MONOTONIC of crit, nanoseconds. */
export const monotonicNs = (): bigint => process.hrtime.bigint();

/**
 * What has to be added to the time that each processor has spent on tasks (SchedFile.execStartNs) to make it CLOCK_MONOTONIC: crit
 * lets itself be run there and compares. Every processor has its own, for what its host and interrupts take from it is left out.
 * A processor that crit may not use is missing.
 */
export function taskClocks(processors: Iterable<number>): ReadonlyMap<number, bigint> {
  const offsets = new Map<number, bigint>();
  const before = new Uint8Array(MASK_BYTES);
  const size = sysRaw('sched_getaffinity', 0, MASK_BYTES, before);
  if (size <= 0) return offsets;
  try {
    for (const processor of processors) {
      const only = new Uint8Array(MASK_BYTES);
      only[processor >>> 3] = 1 << (processor & 7);
      if (sysRaw('sched_setaffinity', 0, MASK_BYTES, only) < 0) continue;
      // a task that yields is seen running by the scheduler
      sysRaw('sched_yield');
      const now = monotonicNs();
      const own = readSched(process.pid, sysRaw('gettid'));
      if (own) offsets.set(processor, now - own.execStartNs);
    }
  } catch {
    // a kernel that does not tell
  } finally {
    sysRaw('sched_setaffinity', 0, size, before);
  }
  return offsets;
}
