import type { Stats } from '../image/stats.js';
import { PAGE_SIZE } from '../image/vma-status.js';
import type { MemoryImage } from './memory.js';

/** Counts the memory that is filled, for the statistics and for who waits. Pages that a child got by fork do not count. */
export function fillCounter(
  tasks: readonly { readonly memory: MemoryImage | undefined }[],
  stats: Stats,
): (bytes: number) => void {
  let total = 0;
  for (const { memory } of tasks) for (const { start, end } of memory?.runs ?? []) total += end - start;
  let done = 0;
  return (bytes) => {
    done += bytes;
    stats.add('pages_restored', bytes / PAGE_SIZE);
    stats.progress('memory restored', done, total);
  };
}
