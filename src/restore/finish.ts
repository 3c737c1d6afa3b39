import { SYSCALLS } from '../kernel/arch/x86_64/syscalls.js';
import * as P from '../kernel/ptrace.js';
import { CritError } from '../image/errors.js';
import { sys } from '../native/sys.js';
import { findGadgets, type ExecMapping } from '../task/arch/x86_64/gadgets.js';
import { RemoteError } from '../task/remote-error.js';
import type { Resumption } from '../task/restart.js';
import { resumeCall } from '../task/resume-call.js';
import { REG, type Regs, type Tracee } from '../task/tracee.js';

/** What a thread is to wake up with. */
export interface FinalState {
  tracee: Tracee;
  regs: Regs;
  /** Makes the thread's XSAVE image out of the one it has now. */
  xstate: (template: Uint8Array) => Uint8Array;
  sigmask: bigint;
  /** A call that its kernel side must be in before it wakes up. */
  resume: Resumption | undefined;
}

/**
 * Takes a process out of the blob: stops its threads, unmaps the control area by a system call that the first thread
 * makes through code of its own, and sets every thread's registers, FP state and signal mask. The threads stay
 * stopped: letting all tasks of the tree go is one short loop at the very end.
 */
export function settle(
  pid: number,
  threads: readonly FinalState[],
  area: { base: number; sizeBytes: number },
  code: readonly ExecMapping[],
): void {
  for (const thread of threads) thread.tracee.stop();
  const gadgets = findGadgets(pid, code);
  if (!gadgets)
    throw new CritError(
      `task ${pid} has no system call instruction mapped to leave crit's code through (no vDSO, no libc)`,
      { code: 'NO_GADGET' },
    );
  const { tracee } = threads[0]!;
  const regs = tracee.getRegs().slice();
  regs[REG.ax] = BigInt(SYSCALLS.munmap);
  regs[REG.di] = BigInt(area.base);
  regs[REG.si] = BigInt(area.sizeBytes);
  regs[REG.ip] = BigInt(gadgets.syscall);
  regs[REG.orig_ax] = BigInt.asUintN(64, -1n);
  tracee.setRegs(regs);
  for (let stops = 0; stops < 2;) {
    sys('ptrace', P.PTRACE_SYSCALL, tracee.tid, 0, 0);
    if (tracee.wait().syscall) stops++;
  }
  const result = Number(BigInt.asIntN(64, tracee.getRegs()[REG.ax]!));
  if (result < 0) throw new RemoteError(pid, 'munmap', ['the control area'], -result);
  for (const thread of threads) {
    if (thread.resume) thread.regs[REG.ax] = resumeCall(thread.tracee, thread.resume, gadgets.syscall);
    thread.tracee.setRegset(P.NT_X86_XSTATE, thread.xstate(thread.tracee.getXstate()));
    thread.tracee.setRegs(thread.regs);
    thread.tracee.setSigmask(thread.sigmask);
  }
}
