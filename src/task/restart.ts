import { REG, type Regs } from './tracee.js';

const ERESTARTSYS = 512n;
const ERESTARTNOINTR = 513n;
const ERESTARTNOHAND = 514n;
const ERESTART_RESTARTBLOCK = 516n;
const EINTR = 4n;

/**
 * What the kernel does to the registers of a thread that was interrupted in a system call and gets no signal handler
 * (arch/x86/kernel/signal.c, arch_do_signal_or_restart): the call is made again. A call that restarts through its
 * restart block cannot be told apart outside the kernel: `onBlock` says what becomes of it.
 * @returns a copy, with orig_ax cleared when a fix-up took place
 */
export function restarted(regs: Regs, onBlock: 'again' | 'eintr'): Regs {
  const copy = regs.slice();
  if (BigInt.asIntN(32, copy[REG.orig_ax]!) < 0n) return copy;
  const error = -BigInt.asIntN(64, copy[REG.ax]!);
  if (
    error === ERESTARTSYS ||
    error === ERESTARTNOINTR ||
    error === ERESTARTNOHAND ||
    error === ERESTART_RESTARTBLOCK
  ) {
    if (error === ERESTART_RESTARTBLOCK && onBlock === 'eintr') copy[REG.ax] = BigInt.asUintN(64, -EINTR);
    else {
      copy[REG.ax] = copy[REG.orig_ax]!;
      copy[REG.ip] = copy[REG.ip]! - 2n;
    }
    copy[REG.orig_ax] = BigInt.asUintN(64, -1n);
  }
  return copy;
}
