import { CritError } from '../image/errors.js';

const PAGE = 4096;
/** Away from the heap, which grows up, and from stacks, which grow down. */
const GUARD_BYTES = 1 << 20;
const LIMIT = 0x7fff_f000_0000;

/** The address of `sizeBytes` in the middle of the largest gap between mappings. @throws CritError NO_HOLE */
export function findHole(ranges: readonly { start: number; end: number }[], sizeBytes: number): number {
  let best: { start: number; size: number } | undefined;
  let previous = 0x10000;
  for (const range of [...ranges, { start: LIMIT, end: LIMIT }]) {
    const size = Math.min(range.start, LIMIT) - previous;
    if (size >= sizeBytes + 2 * GUARD_BYTES && (!best || size > best.size)) best = { start: previous, size };
    previous = Math.max(previous, range.end);
  }
  if (!best) throw new CritError(`no hole of ${sizeBytes} bytes in the address space`, { code: 'NO_HOLE' });
  return Math.floor((best.start + best.size / 2) / PAGE) * PAGE;
}
