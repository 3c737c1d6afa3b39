import { REG } from '../arch/index.js';
import { VMA } from '../image/vma-status.js';
import { PROT_WRITE } from '../kernel/uapi/mman.js';
import { sayEintr, type WakeUp } from '../task/restart.js';
import { resumeCall } from '../task/resume-call.js';
import { belowStack, limitTo } from '../task/time-limit.js';
import type { Tracee } from '../task/tracee.js';
import type { Vma } from './address-space.js';

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

/** What a thread on its way home has below its stack ends there; farther away it is elsewhere. */
const NEAR_BYTES = 64 << 10;
/** Room that is lent. */
const LENT_BYTES = 64;

/**
 * Brings a stopped thread's side of the kernel to what `state` says; its registers are set afterwards.
 * @param instruction address of a `syscall` that the thread has mapped
 * @param home where that returns to
 * @param rooms private memory of the process, no other thread of which may run
 */
export function resumeWait(
  tracee: Tracee,
  { regs, resume }: WakeUp,
  instruction: number,
  home: number | undefined,
  rooms: readonly number[],
): void {
  if (!resume) return;
  const sp = Number(regs[REG.sp]);
  const onStack = home !== undefined && home < sp && sp - home < NEAR_BYTES;
  regs[REG.result] = resumeCall(tracee, resume, instruction, home, [
    onStack ? home - LENT_BYTES : belowStack(regs),
    ...rooms,
  ]);
}

/** Gives the call that a stopped thread makes again the time that it has left. The thread has its registers already. */
export function limitAgain(tracee: Tracee, { regs, left }: WakeUp): void {
  if (!left) return;
  try {
    limitTo(tracee.tid, regs, left.limit, left.leftNs);
  } catch {
    sayEintr(regs);
  }
  tracee.setRegs(regs);
}
