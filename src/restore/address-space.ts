import { TASK_SIZE } from '../arch/index.js';
import { imageFileName } from '../image/catalogue.js';
import type { Messages } from '../image/generated/messages.js';
import { CritError } from '../image/errors.js';
import type { ImagePid } from '../image/pid.js';
import { isMapping, vmaFault } from '../image/vma-fault.js';
import { VMA } from '../image/vma-status.js';

/** A mapping to restore, with addresses as numbers (user addresses have 47 bits). */
export interface Vma {
  start: number;
  end: number;
  entry: Messages['vma_entry'];
  /** Descriptor, in the puppets, that it is a mapping of; -1 for anonymous memory. */
  fd: number;
  /** The System V shared memory segment that it is a mapping of, and its size in whole pages. */
  segment?: { readonly id: number; readonly sizeBytes: number };
  /** The io_uring that it is a mapping of, by the id of its open file. */
  ring?: number;
}

/** Checks and orders a task's mappings. Anything that could hit another address than meant is refused. */
export function readVmas(pid: ImagePid, entries: readonly Messages['vma_entry'][]): Vma[] {
  const vmas: Vma[] = [];
  entries.forEach((entry, i) => {
    if (!isMapping(entry)) return;
    const fault = vmaFault(entry, BigInt(vmas.at(-1)?.end ?? 0), BigInt(TASK_SIZE));
    if (fault !== undefined)
      throw new CritError(`${imageFileName('MM', pid)}: entries[0].vmas[${i}]: ${fault}`, { code: 'BAD_IMAGE' });
    vmas.push({ start: Number(entry.start), end: Number(entry.end), entry, fd: -1 });
  });
  return vmas;
}

/** Ranges that no access may touch (MADV_GUARD_INSTALL): entries after those of the mappings. */
export function readGuards(pid: ImagePid, entries: readonly Messages['vma_entry'][]): { start: number; end: number }[] {
  const guards: { start: number; end: number }[] = [];
  entries.forEach(({ status, start, end }, i) => {
    if (status !== VMA.GUARD) return;
    if (start % 4096n || end % 4096n || start >= end || end > BigInt(TASK_SIZE))
      throw new CritError(
        `${imageFileName('MM', pid)}: entries[0].vmas[${i}]: 0x${start.toString(16)}-0x${end.toString(16)} is no range of pages`,
        { code: 'BAD_IMAGE' },
      );
    guards.push({ start: Number(start), end: Number(end) });
  });
  return guards;
}
