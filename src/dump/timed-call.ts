import { REG, type Regs } from '../arch/index.js';
import type { ProcStatus } from '../kernel/proc/status.js';
import type { BorrowedThread, BorrowMapping } from '../task/borrowed-thread.js';
import { writeMemory } from '../task/remote-memory.js';
import { interruptedLimit, RESTART, restartError, sayEintr, waitOn, writtenRest } from '../task/restart.js';
import { argumentsOf, belowStack, limitTo, readLimitNs, timespecOf, type TimeLimit } from '../task/time-limit.js';
import type { Sleepers } from './sleepers.js';
import { monotonicNs } from './task-clock.js';

/** The call that a thread was stopped in, as far as time goes. */
export interface TimedCall {
  /** Its number, or of the call that restart_syscall(2) stands for; as orig_ax has it. */
  nr: bigint;
  limit: TimeLimit | undefined;
  /** CLOCK_MONOTONIC of crit at which its limit is over. */
  deadlineNs: bigint | undefined;
  /** What the image has to tell of it. */
  leftNs: bigint | undefined;
}

/** The call of a stopped thread that has no signal to take. Whose time is not known is to say EINTR. */
export function timedCallOf(
  { regs, tracee: { tid } }: BorrowedThread,
  status: ProcStatus,
  sleepers: Sleepers,
  mappings: readonly BorrowMapping[],
): TimedCall {
  const args = argumentsOf(regs);
  const nr = Number(BigInt.asIntN(32, regs[REG.call]!));
  const switches = Number(status.fields.get('voluntary_ctxt_switches'));
  const real = regs.slice();
  if (nr >= 0) real[REG.call] = BigInt(sleepers.callOf(tid, nr, args, switches));
  const written = writtenRest(real);
  const limit = written ?? interruptedLimit(real);
  const unknown: TimedCall = { nr: real[REG.call]!, limit, deadlineNs: undefined, leftNs: undefined };
  if (!limit) return unknown;
  if (restartError(regs) === undefined && !hasPlace(regs, limit, mappings)) return unknown;
  try {
    const deadlineNs = sleepers.deadlineOf(tid, nr, args, switches, () => readLimitNs(tid, limit, args));
    if (deadlineNs === undefined) return unknown;
    const leftNs = deadlineNs - monotonicNs();
    return { ...unknown, deadlineNs, leftNs: written ? undefined : leftNs > 0n ? leftNs : 0n };
  } catch {
    return unknown; // its memory does not hold a limit any more
  }
}

/**
 * A limit that is not in a register needs room on the thread's stack: the main stack, or a mapping that also holds the thread's
 * control block (as thread libraries lay stacks out). The stack of a coroutine may have no room.
 */
function hasPlace(regs: Regs, limit: TimeLimit, mappings: readonly BorrowMapping[]): boolean {
  if (limit.unit === 'ms') return true;
  const at = belowStack(regs);
  const tls = Number(regs[REG.threadPointer]);
  return mappings.some(
    ({ start, end, writable, shared, name }) =>
      at >= start && at < end && writable && !shared && (name === '[stack]' || (tls >= start && tls < end)),
  );
}

/**
 * Lets a thread, which has its registers again and is still stopped, go on waiting until its time is over: what the kernel wrote
 * when the thread was stopped counts from there.
 */
export function waitRest({ regs, tracee }: BorrowedThread, { limit, deadlineNs }: TimedCall): void {
  if (!limit || deadlineNs === undefined || restartError(regs) === RESTART.BLOCK) return; // the kernel remembers a deadline itself
  const leftNs = deadlineNs - monotonicNs();
  if (writtenRest(regs)) writeMemory(tracee.tid, argumentsOf(regs)[limit.argument]!, timespecOf(leftNs, limit.unit));
  else if (waitOn(regs)) {
    try {
      limitTo(tracee.tid, regs, limit, leftNs);
    } catch {
      sayEintr(regs);
    }
    tracee.setRegs(regs);
  }
}
