import { SYSCALLS, type SyscallName } from '../kernel/arch/x86_64/syscalls.js';
import { SYSCALL_INSTRUCTION_BYTES } from '../kernel/arch/x86_64/registers.js';
import { FUTEX_WAIT, FUTEX_WAIT_BITSET } from '../kernel/futex.js';
import { TIMER_ABSTIME } from '../kernel/time.js';
import { REG, type Regs } from './tracee.js';

const EINTR = 4;

/**
 * linux/errno.h: what the result register holds while a signal or a tracer keeps a thread from finishing a system call.
 * Before the thread is back in its own code the kernel makes the call again or turns the number into EINTR.
 */
export const RESTART = {
  /** Again; after a handler only with SA_RESTART. */
  SYS: 512,
  /** Again, always. */
  NOINTR: 513,
  /** Again, but EINTR after any handler. */
  NOHAND: 514,
  /** Goes on, by restart_syscall(2), with what the kernel remembers for the thread; EINTR after any handler. */
  BLOCK: 516,
} as const;

const AGAIN: readonly number[] = [RESTART.SYS, RESTART.NOINTR, RESTART.NOHAND];
const NONE = BigInt.asUintN(64, -1n);
const negative = (error: number) => BigInt.asUintN(64, BigInt(-error));

/**
 * Calls that say EINTR even if no handler ran (signal(7), "Interruption of system calls and library functions by stop
 * signals"). Called again they wait on, which is what a thread sees that nobody stopped.
 */
const SAYS_EINTR: ReadonlySet<number> = new Set(
  (
    [
      'epoll_wait',
      'epoll_pwait',
      'epoll_pwait2',
      'rt_sigtimedwait',
      'semop',
      'semtimedop',
      'io_getevents',
      'io_pgetevents',
      'recvfrom',
      'recvmsg',
      'sendto',
      'sendmsg',
      'accept',
      'accept4',
    ] satisfies SyscallName[]
  ).map((name) => SYSCALLS[name]),
);

/** The call that a thread is in, or undefined outside of one. */
function callOf(regs: Regs): number | undefined {
  const nr = Number(BigInt.asIntN(32, regs[REG.orig_ax]!));
  return nr < 0 ? undefined : nr;
}

const errorOf = (regs: Regs): number => Number(-BigInt.asIntN(64, regs[REG.ax]!));

/** RESTART.* of a thread that stands in an interrupted call, or undefined. */
export function restartError(regs: Regs): number | undefined {
  if (callOf(regs) === undefined) return undefined;
  const error = errorOf(regs);
  return AGAIN.includes(error) || error === RESTART.BLOCK ? error : undefined;
}

/**
 * What the kernel does to the registers of a thread that was interrupted in a system call and gets no signal handler
 * (arch/x86/kernel/signal.c, arch_do_signal_or_restart): the call is made again. A call that restarts through its
 * restart block cannot be told apart outside the kernel: `onBlock` says what becomes of it.
 * @returns a copy, with orig_ax cleared when a fix-up took place
 */
export function restarted(regs: Regs, onBlock: 'again' | 'eintr'): Regs {
  const copy = regs.slice();
  const error = restartError(regs);
  if (error === undefined) return copy;
  if (error === RESTART.BLOCK && onBlock === 'eintr') copy[REG.ax] = negative(EINTR);
  else {
    copy[REG.ax] = copy[REG.orig_ax]!;
    copy[REG.ip] = copy[REG.ip]! - BigInt(SYSCALL_INSTRUCTION_BYTES);
  }
  copy[REG.orig_ax] = NONE;
  return copy;
}

/**
 * Takes the EINTR away from a thread whose call would say so only because it was stopped: it is as if the call were
 * restarted by the kernel, which says EINTR by itself should a handler run. For a thread with no signal to take.
 */
export function hideStop(regs: Regs): void {
  const nr = callOf(regs);
  if (nr !== undefined && errorOf(regs) === EINTR && SAYS_EINTR.has(nr)) regs[REG.ax] = negative(RESTART.NOHAND);
}

/**
 * Registers as the images hold them: the call made again, or -EINTR; orig_ax stays. A sleep whose rest the thread itself
 * has (in the timespec that the kernel wrote it to) says EINTR to a tool that cannot resume it, all other calls are made
 * again by such a tool.
 */
export function regsForImage(regs: Regs): { regs: Regs; restartError: number | undefined } {
  const error = restartError(regs);
  const resume = error === RESTART.BLOCK ? resumption(callOf(regs)!, regs) : undefined;
  const copy = restarted(regs, resume && !resume.hasRest ? 'again' : 'eintr');
  copy[REG.orig_ax] = regs[REG.orig_ax]!;
  return { regs: copy, restartError: error };
}

/** A call that a thread makes on the way back, so that the kernel remembers for it what it was waiting for. */
export interface Resumption {
  nr: number;
  args: readonly bigint[];
  /** The arguments are not the call's own: it sleeps for the rest of its time. */
  hasRest: boolean;
}

/**
 * Registers to wake up with. The kernel treats a thread that crit lets go like one that was stopped in its call, so an
 * interrupted call is left to it: again, or EINTR, as signals that are pending demand.
 *
 * A relative sleep and its like (RESTART.BLOCK, or -EINTR in the images of tools that know no better) go on through the
 * thread's restart block, which is made new by a `resume` call that is interrupted at once (see resumeCall). The
 * kernel wrote the rest of a sleep to its second timespec, if there is one, when the thread was stopped; that of a poll
 * or a futex is known to nobody, they wait anew.
 */
export function regsFromImage(image: Regs, error?: number): { regs: Regs; resume?: Resumption } {
  const regs = image.slice();
  const nr = callOf(image);
  if (nr === undefined) return { regs };
  if (error !== undefined && regs[REG.ax] === BigInt(nr)) {
    const resume = error === RESTART.BLOCK ? resumption(nr, image) : undefined;
    if (resume || AGAIN.includes(error)) {
      regs[REG.ax] = negative(error);
      regs[REG.ip] = regs[REG.ip]! + BigInt(SYSCALL_INSTRUCTION_BYTES);
      return resume ? { regs, resume } : { regs };
    }
  }
  if (errorOf(image) === EINTR && (error === undefined || error === RESTART.BLOCK)) {
    const resume = resumption(nr, image);
    if (resume) return { regs, resume };
    if (SAYS_EINTR.has(nr) && error === undefined) {
      regs[REG.ax] = negative(RESTART.NOHAND);
      return { regs };
    }
  }
  // the call is over, whatever the number in ax looks like
  regs[REG.orig_ax] = NONE;
  return { regs };
}

/** How a call with a restart block is made anew, or undefined for one that has none. */
function resumption(nr: number, regs: Regs): Resumption | undefined {
  const args = [REG.di, REG.si, REG.dx, REG.r10, REG.r8, REG.r9].map((reg) => regs[reg]!);
  switch (nr) {
    case SYSCALLS.nanosleep:
      return { nr, args: args[1] ? args.with(0, args[1]) : args, hasRest: args[1] !== 0n };
    case SYSCALLS.clock_nanosleep:
      if (args[1]! & BigInt(TIMER_ABSTIME)) return undefined;
      return { nr, args: args[3] ? args.with(2, args[3]) : args, hasRest: args[3] !== 0n };
    case SYSCALLS.futex: {
      const operation = Number(args[1]! & 0x7fn); // without FUTEX_PRIVATE_FLAG and FUTEX_CLOCK_REALTIME
      const waits = operation === FUTEX_WAIT || operation === FUTEX_WAIT_BITSET;
      return args[3] && waits ? { nr, args, hasRest: false } : undefined;
    }
    case SYSCALLS.poll:
      return { nr, args, hasRest: false };
    default:
      return undefined;
  }
}
