import { SYSCALLS } from '../arch/index.js';
import { readSyscall, readTimerSlackNs } from '../kernel/proc/scalar-files.js';
import { readSched } from '../kernel/proc/sched-file.js';
import { readStat } from '../kernel/proc/stat-file.js';
import { readThreadChildren, readThreads } from '../kernel/proc/tasks.js';
import { readTimerList, type RunningTimer } from '../kernel/proc/timer-list.js';
import { readLimitNs, timeLimitOf } from '../task/time-limit.js';
import { restartedCall } from './restarted-call.js';
import { monotonicNs, taskClocks } from './task-clock.js';

/** A thread that sleeps in a call with a time limit, seen before it is stopped. */
interface Sleeper {
  nr: number;
  args: readonly bigint[];
  /** Undefined for a call without one. */
  limitNs: bigint | undefined;
  /** It has been stopped before: since when its limit counts cannot be told from when it last ran. */
  restarted: boolean;
  /** How late the kernel may wake it. */
  slackNs: bigint;
  processor: number;
  execStartNs: bigint;
  voluntarySwitches: number;
}

/** Timers so close to each other are one, nanoseconds. */
const SAME_TIME_NS = 20_000_000n;
const MAX_POLL_SLACK_NS = 100_000_000n;
const MAX_DEPTH = 1024;

/**
 * Finds out since when the threads of a tree sleep: the time that is left of their calls. The kernel tells nobody, but the
 * scheduler knows when a thread last ran. (Had it been woken in the middle of its call and gone to sleep again, it waits the
 * longer for that, once.) For a call that was stopped before, there is the list of all timers of the machine: the thread's is among
 * those that the stop ends.
 */
export class Sleepers {
  readonly #sleepers = new Map<number, Sleeper>();
  /** CLOCK_MONOTONIC of crit at which a thread's limit is over; missing if nobody knows. */
  readonly #deadlines = new Map<number, bigint>();
  /** Whether this kernel tells. */
  readonly #known = schedTells();
  #timers: RunningTimer[] = [];
  #timersReadNs = 0n;

  /** Looks at a tree that still runs: whoever is stopped has run for it. */
  static of(root: number): Sleepers {
    const sleepers = new Sleepers();
    if (!sleepers.#known) return sleepers;
    look(root, 0, sleepers.#sleepers);
    const all = [...sleepers.#sleepers];
    const first = all.filter(([, { restarted, limitNs }]) => !restarted && limitNs !== undefined);
    const clocks = taskClocks(new Set(first.map(([, { processor }]) => processor)));
    for (const [tid, sleeper] of first) {
      const over = whenOver(sleeper, clocks.get(sleeper.processor));
      if (over !== undefined) sleepers.#deadlines.set(tid, over);
    }
    if (all.some(([, { restarted, limitNs }]) => restarted && limitNs !== undefined)) {
      sleepers.#timers = readTimerList();
      sleepers.#timersReadNs = monotonicNs();
    }
    return sleepers;
  }

  /** The tree has been stopped. */
  stopped(): void {
    if (this.#timers.length === 0) return;
    const running = new Set(readTimerList().map(({ id }) => id));
    const passedNs = monotonicNs() - this.#timersReadNs;
    const ended = this.#timers.filter(
      ({ id, callback, leftNs }) => callback === 'hrtimer_wakeup' && leftNs > passedNs && !running.has(id),
    );
    for (const [tid, sleeper] of this.#sleepers) {
      if (!sleeper.restarted) continue;
      const left = ended
        .filter((timer) => mayBe(timer, sleeper))
        .map(({ leftNs }) => leftNs)
        .sort((a, b) => Number(a - b));
      const last = left.at(-1);
      if (last !== undefined && last - left[0]! < SAME_TIME_NS) this.#deadlines.set(tid, this.#timersReadNs + last);
    }
    this.#timers = [];
  }

  /**
   * The call that a stopped thread was in: `nr`, or what restart_syscall(2) stands for where that is known.
   * @param voluntarySwitches how often the thread has gone to sleep; being stopped is once
   */
  callOf(tid: number, nr: number, args: readonly bigint[], voluntarySwitches: number): number {
    return nr === SYSCALLS.restart_syscall ? (this.#same(tid, nr, args, voluntarySwitches)?.nr ?? nr) : nr;
  }

  /**
   * When the limit of a stopped thread's call is over, or undefined where nobody knows. One that was not seen asleep in this very
   * call has begun it just now.
   */
  deadlineOf(
    tid: number,
    nr: number,
    args: readonly bigint[],
    voluntarySwitches: number,
    limitNs: () => bigint,
  ): bigint | undefined {
    if (this.#same(tid, nr, args, voluntarySwitches)) return this.#deadlines.get(tid);
    return this.#known && nr !== SYSCALLS.restart_syscall ? monotonicNs() + limitNs() : undefined;
  }

  #same(tid: number, nr: number, args: readonly bigint[], voluntarySwitches: number): Sleeper | undefined {
    const sleeper = this.#sleepers.get(tid);
    const same =
      sleeper &&
      (sleeper.restarted ? nr === SYSCALLS.restart_syscall : nr === sleeper.nr) &&
      sleeper.args.every((arg, i) => arg === args[i]) &&
      sleeper.voluntarySwitches + 1 === voluntarySwitches;
    return same ? sleeper : undefined;
  }
}

/**
 * CLOCK_MONOTONIC at which the limit of a sleeper is over. The scheduler has forgotten when it last ran if it has moved it to
 * another processor since.
 */
export function whenOver(
  { execStartNs, limitNs }: { readonly execStartNs: bigint; readonly limitNs: bigint | undefined },
  offset: bigint | undefined,
): bigint | undefined {
  return offset === undefined || limitNs === undefined || execStartNs === 0n
    ? undefined
    : execStartNs + offset + limitNs;
}

/**
 * Whether a thread that has gone back into its call may sleep for a timer. A futex wait may be late by the thread's timer slack, a
 * sleep not at all, a poll by 0.1 to 0.5 percent of its time (fs/select.c, select_estimate_accuracy).
 */
function mayBe({ leftNs, slackNs }: RunningTimer, sleeper: Sleeper): boolean {
  const { nr, limitNs } = sleeper;
  if (limitNs === undefined || leftNs > limitNs) return false;
  if (nr !== SYSCALLS.poll) return slackNs === (nr === SYSCALLS.futex ? sleeper.slackNs : 0n);
  const least = leftNs / 1000n < MAX_POLL_SLACK_NS ? leftNs / 1000n : MAX_POLL_SLACK_NS;
  return slackNs >= least && (slackNs === sleeper.slackNs || slackNs <= limitNs / 200n);
}

function schedTells(): boolean {
  try {
    return readSched(process.pid) !== undefined;
  } catch {
    return false;
  }
}

function look(pid: number, depth: number, sleepers: Map<number, Sleeper>): void {
  let tids: number[] = [];
  try {
    tids = readThreads(pid);
  } catch {
    // it has ended
  }
  for (const tid of tids)
    try {
      const sleeper = sleeperOf(pid, tid);
      if (sleeper) sleepers.set(tid, sleeper);
      if (depth < MAX_DEPTH) for (const child of readThreadChildren(pid, tid)) look(child, depth + 1, sleepers);
    } catch {
      // it has ended, or will be refused when it is stopped
    }
}

function sleeperOf(pid: number, tid: number): Sleeper | undefined {
  const call = readSyscall(pid, tid);
  if (call === 'running') return undefined;
  const { args } = call;
  const restarted = call.nr === SYSCALLS.restart_syscall;
  const nr = restarted ? restartedCall(pid, tid, args) : call.nr;
  if (nr === undefined) return undefined;
  const limit = timeLimitOf(nr, args);
  if (!limit && !restarted) return undefined;
  const { state, processor } = readStat(pid, tid);
  const sched = state === 'S' ? readSched(pid, tid) : undefined;
  if (!sched) return undefined;
  return {
    nr,
    args,
    limitNs: limit && readLimitNs(tid, limit, args),
    restarted,
    slackNs: restarted ? readTimerSlackNs(tid) : 0n,
    processor,
    ...sched,
  };
}
