import { REG, type Regs, SYSCALLS, SYSCALL_INSTRUCTION_BYTES, type AnySyscallName } from '../arch/index.js';
import { FUTEX_WAIT_BITSET } from '../kernel/uapi/futex.js';
import { ERRNO } from '../kernel/uapi/errno.js';
import { IORING_ENTER_EXT_ARG } from '../kernel/uapi/io-uring.js';
import { argumentsOf, futexOperation, timeLimitOf, WRITE_REST, type TimeLimit } from './time-limit.js';

/**
 * linux/errno.h: what the result register holds while a signal or a tracer keeps a thread from finishing a system call.
 * Before the thread is back in its own code the kernel makes the call again or turns the number into ERRNO.EINTR.
 */
export const RESTART = {
  /** Again; after a handler only with SA_RESTART. */
  SYS: 512,
  /** Again, always. */
  NOINTR: 513,
  /** Again, but ERRNO.EINTR after any handler. */
  NOHAND: 514,
  /** Goes on, by restart_syscall(2), with what the kernel remembers for the thread; ERRNO.EINTR after any handler. */
  BLOCK: 516,
} as const;

const AGAIN: readonly number[] = [RESTART.SYS, RESTART.NOINTR, RESTART.NOHAND];
const NONE = BigInt.asUintN(64, -1n);
const negative = (error: number) => BigInt.asUintN(64, BigInt(-error));

/**
 * Calls that say ERRNO.EINTR even if no handler ran (signal(7), "Interruption of system calls and library functions by stop
 * signals"). Called again without a time limit they wait on, which is what a thread sees that nobody stopped. Those of sockets
 * say so only with a limit (SO_RCVTIMEO, SO_SNDTIMEO), which would begin anew: they may say it.
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
      'io_uring_enter',
    ] satisfies AnySyscallName[]
  ).map((name) => SYSCALLS[name]),
);

/** Whether a call says ERRNO.EINTR without a handler; io_uring_enter(2) may have a limit behind its last argument, which begins anew. */
function saysEintr(nr: number, regs: Regs): boolean {
  if (nr === SYSCALLS.io_uring_enter && argumentsOf(regs)[3]! & BigInt(IORING_ENTER_EXT_ARG)) return false;
  return SAYS_EINTR.has(nr);
}

/** The call that a thread is in, or undefined outside of one. */
function callOf(regs: Regs): number | undefined {
  const nr = Number(BigInt.asIntN(32, regs[REG.call]!));
  return nr < 0 ? undefined : nr;
}

const errorOf = (regs: Regs): number => Number(-BigInt.asIntN(64, regs[REG.result]!));

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
  if (error === RESTART.BLOCK && onBlock === 'eintr') copy[REG.result] = negative(ERRNO.EINTR);
  else {
    copy[REG.result] = copy[REG.call]!;
    copy[REG.ip] = copy[REG.ip]! - BigInt(SYSCALL_INSTRUCTION_BYTES);
  }
  copy[REG.call] = NONE;
  return copy;
}

/**
 * Where the call that a thread was stopped in has its time limit, if it would not go on with the rest of it by itself, or could
 * not in another process.
 */
export function interruptedLimit(regs: Regs): TimeLimit | undefined {
  const nr = callOf(regs);
  if (nr === undefined) return undefined;
  const error = errorOf(regs);
  const anew = saysEintr(nr, regs) && (error === ERRNO.EINTR || error === RESTART.NOHAND);
  return anew || error === RESTART.BLOCK ? timeLimitOf(nr, argumentsOf(regs)) : undefined;
}

/** Where the kernel has written what was left of the limit of a thread's interrupted call, for the call that it makes again. */
export function writtenRest(regs: Regs): TimeLimit | undefined {
  const nr = callOf(regs);
  if (nr === undefined || errorOf(regs) !== RESTART.NOHAND || !WRITE_REST.has(nr)) return undefined;
  return timeLimitOf(nr, argumentsOf(regs));
}

/**
 * Takes the ERRNO.EINTR away from a thread whose call would say so only because it was stopped: it is as if the call were
 * restarted by the kernel, which says ERRNO.EINTR by itself should a handler run. Not from one with a time limit, which would begin
 * anew: see `waitOn`. For a thread with no signal to take.
 */
export function hideStop(regs: Regs): void {
  const nr = callOf(regs);
  if (nr === undefined || !saysEintr(nr, regs)) return;
  if (interruptedLimit(regs)) regs[REG.result] = negative(ERRNO.EINTR);
  else if (errorOf(regs) === ERRNO.EINTR) regs[REG.result] = negative(RESTART.NOHAND);
}

/** Has a thread whose call said ERRNO.EINTR make it again; its limit must be what is left of it. @returns false for another one */
export function waitOn(regs: Regs): boolean {
  const nr = callOf(regs);
  if (nr === undefined || errorOf(regs) !== ERRNO.EINTR || !saysEintr(nr, regs)) return false;
  regs[REG.result] = negative(RESTART.NOHAND);
  return true;
}

/** Has a thread's interrupted call end with ERRNO.EINTR. */
export function sayEintr(regs: Regs): void {
  regs[REG.result] = negative(ERRNO.EINTR);
}

/**
 * Registers as the images hold them: the call made again, or -ERRNO.EINTR; orig_ax stays. A call with a time limit says ERRNO.EINTR to a
 * tool that cannot give it the rest of it; all others are made again.
 */
export function regsForImage(regs: Regs): { regs: Regs; restartError: number | undefined } {
  const error = restartError(regs);
  const again =
    error === RESTART.BLOCK && resumption(callOf(regs)!, regs) && !timeLimitOf(callOf(regs)!, argumentsOf(regs));
  const copy = restarted(regs, again ? 'again' : 'eintr');
  copy[REG.call] = regs[REG.call]!;
  return { regs: copy, restartError: error };
}

/** The time that a call has left. */
export interface TimeLeft {
  limit: TimeLimit;
  leftNs: bigint;
}

/** A call that a thread makes on the way back, so that the kernel remembers for it what it was waiting for. */
export interface Resumption {
  nr: number;
  args: readonly bigint[];
  /** What its limit becomes; without it the arguments are as they are to be. */
  left: TimeLeft | undefined;
  /** It would begin its whole time anew: nobody knows the rest. */
  anew: boolean;
}

/** What a thread wakes up with. */
export interface WakeUp {
  regs: Regs;
  /** A call that its kernel side must be in before. */
  resume: Resumption | undefined;
  /** The call that `regs` make again has this time left. */
  left: TimeLeft | undefined;
}

/**
 * Registers to wake up with. The kernel treats a thread that crit lets go like one that was stopped in its call, so an
 * interrupted call is left to it: again, or ERRNO.EINTR, as signals that are pending demand.
 *
 * A relative sleep and its like (RESTART.BLOCK, or -ERRNO.EINTR in the images of tools that know no better) go on through the
 * thread's restart block, which is made new by a `resume` call that is interrupted at once (see resumeCall). The
 * kernel wrote the rest of a sleep to its second timespec, if there is one, when the thread was stopped; the rest of others is
 * `leftNs` if the image tells it. Whoever's is not known says ERRNO.EINTR.
 */
export function regsFromImage(image: Regs, error?: number, leftNs?: bigint): WakeUp {
  const regs = image.slice();
  const plain: WakeUp = { regs, resume: undefined, left: undefined };
  const nr = callOf(image);
  if (nr === undefined) return plain;
  const limit = timeLimitOf(nr, argumentsOf(image));
  const left = limit && leftNs !== undefined ? { limit, leftNs } : undefined;
  if (error !== undefined && regs[REG.result] === BigInt(nr)) {
    const resume = error === RESTART.BLOCK ? resumption(nr, image, left) : undefined;
    if (resume || AGAIN.includes(error)) {
      regs[REG.result] = negative(error);
      regs[REG.ip] = regs[REG.ip]! + BigInt(SYSCALL_INSTRUCTION_BYTES);
      return { ...plain, resume };
    }
  }
  if (errorOf(image) === ERRNO.EINTR && (error === undefined || error === RESTART.BLOCK)) {
    const resume = resumption(nr, image, left);
    if (resume && !resume.anew) return { ...plain, resume };
    if (error === undefined && (!limit || left) && waitOn(regs)) return { ...plain, left };
  }
  // the call is over, whatever the number in ax looks like
  regs[REG.call] = NONE;
  return plain;
}

/** How a call with a restart block is made anew, or undefined for one that has none. */
function resumption(nr: number, regs: Regs, left?: TimeLeft): Resumption | undefined {
  const args = argumentsOf(regs);
  const limit = timeLimitOf(nr, args);
  const rest = SLEEPS.get(nr);
  if (rest !== undefined) {
    if (!limit) return undefined;
    if (args[rest]) return { nr, args: args.with(limit.argument, args[rest]), left: undefined, anew: false };
  } else if (nr === SYSCALLS.futex) {
    if (!limit && !(args[3] && futexOperation(args) === FUTEX_WAIT_BITSET)) return undefined;
  } else if (nr !== SYSCALLS.poll) return undefined;
  return { nr, args, left, anew: limit !== undefined && !left };
}

/** Calls that write the rest of their time where this argument points. */
const SLEEPS: ReadonlyMap<number, number> = new Map([
  [SYSCALLS.nanosleep, 1],
  [SYSCALLS.clock_nanosleep, 3],
]);
