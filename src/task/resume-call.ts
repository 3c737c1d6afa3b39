import * as P from '../kernel/ptrace.js';
import { sys } from '../native/sys.js';
import type { Resumption } from './restart.js';
import { REG, type Tracee } from './tracee.js';

const EVENT_STOP = 128;

/**
 * Lets a stopped thread make a call and interrupts it before it can wait: a sleep, poll or futex wait then stands in the
 * kernel as if it had been interrupted long ago, and goes on by itself when the thread is let go with the result in its
 * ax and the number of the call in orig_ax. `instruction` is the address of a `syscall` that the thread has mapped. Its
 * registers are spoilt. 2 stops.
 * @returns what to put into ax: -516, or the call's result if there was nothing to wait for
 */
export function resumeCall(tracee: Tracee, call: Resumption, instruction: number): bigint {
  const regs = tracee.getRegs().slice();
  [REG.di, REG.si, REG.dx, REG.r10, REG.r8, REG.r9].forEach((reg, i) => {
    regs[reg] = call.args[i]!;
  });
  regs[REG.ax] = BigInt(call.nr);
  regs[REG.ip] = BigInt(instruction);
  regs[REG.orig_ax] = BigInt.asUintN(64, -1n);
  tracee.setRegs(regs);
  do sys('ptrace', P.PTRACE_SYSCALL, tracee.tid, 0, 0);
  while (!tracee.wait().syscall);
  // It stands at the entry of the call: asked to stop again, it finds that out instead of going to sleep.
  tracee.interrupt();
  for (;;) {
    tracee.cont();
    const stop = tracee.wait();
    if (stop.event === EVENT_STOP) break;
  }
  return tracee.getRegs()[REG.ax]!;
}
