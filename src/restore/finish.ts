import { SYSCALLS } from '../kernel/arch/x86_64/syscalls.js';
import * as P from '../kernel/ptrace.js';
import { CritError } from '../image/errors.js';
import { signalBit } from '../kernel/signal.js';
import { sys } from '../native/sys.js';
import { findGadgets, type ExecMapping } from '../task/arch/x86_64/gadgets.js';
import { RemoteError } from '../task/remote-error.js';
import type { WakeUp } from '../task/restart.js';
import { wakeUp } from './wake-up.js';
import { REG, type Tracee } from '../task/tracee.js';

/** What a thread is to wake up with. */
export interface FinalState extends WakeUp {
  tracee: Tracee;
  /** Makes the thread's XSAVE image out of the one it has now. */
  xstate: (template: Uint8Array) => Uint8Array;
  sigmask: bigint;
}

/** A process at the end of its restore. */
export interface Settling {
  pid: number;
  /** Leader first. */
  threads: readonly FinalState[];
  /** Where to look for a system call instruction of the process's own. */
  code: readonly ExecMapping[];
  /** Where private writable mappings start. */
  rooms: readonly number[];
  /** The signal that it is to stand stopped by, or 0. */
  stopSignal: number;
}

/**
 * Takes processes out of the blob: stops their threads, unmaps the control area by a system call that each leader
 * makes through code of its own, and sets every thread's registers, FP state and signal mask. The threads stay
 * stopped: letting all tasks of the tree go is one short loop at the very end. Every step is begun for all before the
 * first is waited for.
 */
export function settle(tasks: readonly Settling[], area: { base: number; sizeBytes: number }): void {
  for (const { threads } of tasks) for (const { tracee } of threads) tracee.interrupt();
  for (const { threads } of tasks) for (const { tracee } of threads) tracee.waitTrap();
  const instructions = new Map<number, number>();
  for (const { pid, threads, code } of tasks) {
    const gadgets = findGadgets(pid, code);
    if (!gadgets)
      throw new CritError(
        `task ${pid} has no system call instruction mapped to leave crit's code through (no vDSO, no libc)`,
        { code: 'NO_GADGET' },
      );
    instructions.set(pid, gadgets.syscall);
    const { tracee } = threads[0]!;
    const regs = tracee.getRegs().slice();
    regs[REG.ax] = BigInt(SYSCALLS.munmap);
    regs[REG.di] = BigInt(area.base);
    regs[REG.si] = BigInt(area.sizeBytes);
    regs[REG.ip] = BigInt(gadgets.syscall);
    regs[REG.orig_ax] = BigInt.asUintN(64, -1n);
    tracee.setRegs(regs);
  }
  // to the entry of the call, then to its exit
  for (let stop = 0; stop < 2; stop++) {
    for (const { threads } of tasks) sys('ptrace', P.PTRACE_SYSCALL, threads[0]!.tracee.tid, 0, 0);
    for (const { threads } of tasks) {
      const { tracee } = threads[0]!;
      while (!tracee.wait().syscall) sys('ptrace', P.PTRACE_SYSCALL, tracee.tid, 0, 0);
    }
  }
  for (const { pid, threads, rooms, stopSignal } of tasks) {
    const result = Number(BigInt.asIntN(64, threads[0]!.tracee.getRegs()[REG.ax]!));
    if (result < 0) throw new RemoteError(pid, 'munmap', ['the control area'], -result);
    for (const thread of threads) {
      wakeUp(thread.tracee, thread, instructions.get(pid)!, rooms);
      thread.tracee.setRegset(P.NT_X86_XSTATE, thread.xstate(thread.tracee.getXstate()));
      thread.tracee.setRegs(thread.regs);
    }
    if (stopSignal) stopJob(pid, threads, stopSignal);
    for (const thread of threads) thread.tracee.setSigmask(thread.sigmask);
  }
}

/**
 * Brings a process to its job-control stop while all other signals are still blocked: those that are pending wait for its
 * SIGCONT, as they did. (Sent together with them, a stop signal would be taken after those of lower numbers.)
 *
 * 1. The leader, alone, takes the signal: from here on the stop is due for the whole process.
 * 2. The other threads run into it before any instruction of their own.
 * 3. Whoever is let go by its tracer in a job-control stop stays in it (ptrace(2), PTRACE_DETACH).
 */
function stopJob(pid: number, threads: readonly FinalState[], signal: number): void {
  const leader = threads[0]!.tracee;
  leader.setSigmask(BigInt.asUintN(64, ~signalBit(signal)));
  sys('tgkill', pid, leader.tid, signal);
  for (const { tracee } of threads) {
    tracee.cont();
    for (let stop = tracee.wait(); stop.event !== P.PTRACE_EVENT_STOP; stop = tracee.wait())
      tracee.cont(stop.event === 0 && stop.signal === signal ? signal : 0);
  }
}
