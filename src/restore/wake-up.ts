import { VMA } from '../image/vma-status.js';
import { sayEintr, type WakeUp } from '../task/restart.js';
import { resumeCall } from '../task/resume-call.js';
import { belowStack, limitTo } from '../task/time-limit.js';
import { REG, type Tracee } from '../task/tracee.js';
import type { Vma } from './address-space.js';

const PROT_WRITE = 2;
/** So many mappings are tried. */
const MAX_ROOMS = 64;

/** Where private writable mappings start: room that can be lent for a moment. */
export function roomsOf(vmas: readonly Vma[]): number[] {
  return vmas
    .filter(
      ({ entry }) => (entry.prot & PROT_WRITE) !== 0 && (entry.status & (VMA.ANON_PRIVATE | VMA.FILE_PRIVATE)) !== 0,
    )
    .slice(0, MAX_ROOMS)
    .map(({ start }) => start);
}

/**
 * Brings a stopped thread's side of the kernel, and the arguments of the call that it makes again, to what `state` says.
 * @param instruction address of a `syscall` that the thread has mapped
 * @param rooms private memory of the process, no other thread of which may run
 */
export function wakeUp(tracee: Tracee, state: WakeUp, instruction: number, rooms: readonly number[]): void {
  const { regs, resume, left } = state;
  if (left)
    try {
      limitTo(tracee.tid, regs, left.limit, left.leftNs);
    } catch {
      sayEintr(regs);
    }
  if (resume) regs[REG.ax] = resumeCall(tracee, resume, instruction, [belowStack(regs), ...rooms]);
}
