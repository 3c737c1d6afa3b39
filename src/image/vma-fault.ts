import type { VmaEntry } from './generated/messages.js';
import { PAGE_SIZE, VMA } from './vma-status.js';

/** Whether an entry of the mappings is one: others stand for guard pages, and for the page that the kernel itself has at the top. */
export const isMapping = ({ status }: VmaEntry): boolean =>
  status !== VMA.GUARD && !(status & VMA.VSYSCALL && !(status & VMA.REGULAR));

/**
 * Why an entry is no mapping behind the one that ends at `previousEnd`; undefined when it is one.
 * @param taskSize the end of user space
 */
export function vmaFault({ start, end }: VmaEntry, previousEnd: bigint, taskSize: bigint): string | undefined {
  const page = BigInt(PAGE_SIZE);
  if (start % page || end % page) return 'not page aligned';
  if (start >= end) return `ends (0x${end.toString(16)}) before it starts`;
  if (end > taskSize) return `0x${end.toString(16)} is beyond user space`;
  return start < previousEnd ? 'overlaps the one before, or is out of order' : undefined;
}
