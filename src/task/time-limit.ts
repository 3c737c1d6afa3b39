import type { Pid } from '../image/pid.js';
import { ARGUMENTS, REG, type Regs, SYSCALLS, type AnySyscallName } from '../arch/index.js';
import { FUTEX_WAIT } from '../kernel/uapi/futex.js';
import { TIMER_ABSTIME, TIMESPEC, TIMESPEC_BYTES } from '../kernel/uapi/time.js';
import { readMemory, writeMemory } from './remote-memory.js';

const NS_PER_SEC = 1_000_000_000n;
const NS_PER_MS = 1_000_000n;
const NS_PER_US = 1000n;

/** How a call is told how long it may wait: by the argument itself, in milliseconds, or by the structure that it points to. */
export interface TimeLimit {
  argument: number;
  unit: 'ms' | 'timespec' | 'timeval';
}

/** Calls with a limit that counts from their start. Those with a point in time are simply made again. */
const LIMITS: ReadonlyMap<number, TimeLimit> = new Map(
  (
    [
      ['epoll_wait', 3, 'ms'],
      ['epoll_pwait', 3, 'ms'],
      ['epoll_pwait2', 3, 'timespec'],
      ['poll', 2, 'ms'],
      ['nanosleep', 0, 'timespec'],
      ['clock_nanosleep', 2, 'timespec'],
      ['futex', 3, 'timespec'],
      ['rt_sigtimedwait', 2, 'timespec'],
      ['semtimedop', 3, 'timespec'],
      ['io_getevents', 4, 'timespec'],
      ['io_pgetevents', 4, 'timespec'],
      ['ppoll', 2, 'timespec'],
      ['pselect6', 4, 'timespec'],
      ['select', 4, 'timeval'],
    ] satisfies [AnySyscallName, number, TimeLimit['unit']][]
  ).map(([name, argument, unit]) => [SYSCALLS[name], { argument, unit }]),
);

/** Calls whose limit the kernel itself makes what is left of it when they are interrupted. */
export const WRITE_REST: ReadonlySet<number> = new Set([SYSCALLS.ppoll, SYSCALLS.pselect6, SYSCALLS.select]);

/** FUTEX_PRIVATE_FLAG and FUTEX_CLOCK_REALTIME taken off */
export const futexOperation = (args: readonly bigint[]): number => Number(args[1]! & 0x7fn);

/** Where a call has its limit, or undefined for one that waits without a limit, or until a point in time. */
export function timeLimitOf(nr: number, args: readonly bigint[]): TimeLimit | undefined {
  const limit = LIMITS.get(nr);
  if (!limit) return undefined;
  const value = args[limit.argument]!;
  if (limit.unit === 'ms') return BigInt.asIntN(32, value) < 0n ? undefined : limit;
  if (value === 0n) return undefined;
  if (nr === SYSCALLS.futex && futexOperation(args) !== FUTEX_WAIT) return undefined;
  if (nr === SYSCALLS.clock_nanosleep && args[1]! & BigInt(TIMER_ABSTIME)) return undefined;
  return limit;
}

export const argumentsOf = (regs: Regs): bigint[] => ARGUMENTS.map((reg) => regs[reg]!);

/** The limit of a call in nanoseconds. @throws SysError when the task's memory does not have it */
export function readLimitNs(tid: Pid, limit: TimeLimit, args: readonly bigint[]): bigint {
  const value = args[limit.argument]!;
  if (limit.unit === 'ms') return BigInt.asIntN(32, value) * NS_PER_MS;
  const bytes = readMemory(tid, value, TIMESPEC_BYTES);
  const fraction = bytes.readBigInt64LE(TIMESPEC.nsec) * (limit.unit === 'timeval' ? NS_PER_US : 1n);
  return bytes.readBigInt64LE(TIMESPEC.sec) * NS_PER_SEC + fraction;
}

/** struct timespec, or timeval, which has microseconds; what has passed is no time. */
export function timespecOf(ns: bigint, unit: TimeLimit['unit'] = 'timespec'): Buffer {
  const bytes = Buffer.alloc(TIMESPEC_BYTES);
  const left = ns > 0n ? ns : 0n;
  bytes.writeBigInt64LE(left / NS_PER_SEC, TIMESPEC.sec);
  bytes.writeBigInt64LE((left % NS_PER_SEC) / (unit === 'timeval' ? NS_PER_US : 1n), TIMESPEC.nsec);
  return bytes;
}

/** An argument in milliseconds: a wait may be too long by less than one, never too short. */
export const millisecondsOf = (ns: bigint): bigint => (ns > 0n ? (ns + NS_PER_MS - 1n) / NS_PER_MS : 0n);

/** What System V asks callees to leave alone below the stack pointer, and a timespec below that. */
const BELOW_STACK = 128n + 16n;

/** Where a thread's next signal frame would lie: nothing there lasts. */
export const belowStack = (regs: Regs): number => Number((regs[REG.sp]! - BELOW_STACK) & ~15n);

/**
 * Gives a call that a thread is about to make again the time that is left of its limit. A timespec goes below the stack: the
 * kernel reads it before anything else can be written there. @throws SysError when nothing is mapped there
 */
export function limitTo(tid: Pid, regs: Regs, limit: TimeLimit, leftNs: bigint): void {
  const reg = ARGUMENTS[limit.argument]!;
  if (limit.unit === 'ms') {
    regs[reg] = millisecondsOf(leftNs);
    return;
  }
  const at = belowStack(regs);
  writeMemory(tid, at, timespecOf(leftNs));
  regs[reg] = BigInt(at);
}
