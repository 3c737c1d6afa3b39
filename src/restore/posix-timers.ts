import { CritError } from '../image/errors.js';
import type { Messages } from '../image/generated/messages.js';
import type { ImagePid } from '../image/pid.js';
import {
  PR_TIMER_CREATE_RESTORE_IDS,
  PR_TIMER_CREATE_RESTORE_IDS_OFF,
  PR_TIMER_CREATE_RESTORE_IDS_ON,
} from '../kernel/uapi/prctl.js';
import { SIGINFO, SIGINFO_BYTES, SIGSET_BYTES, SI_TIMER, signalBit, signalName } from '../kernel/uapi/signal.js';
import {
  CLOCK_BOOTTIME,
  CLOCK_BOOTTIME_ALARM,
  CLOCK_MONOTONIC,
  CLOCK_REALTIME,
  CLOCK_REALTIME_ALARM,
  CLOCK_TAI,
  ITIMERSPEC,
  ITIMERSPEC_BYTES,
  SIGEV_NONE,
  SIGEV_THREAD_ID,
  SIGEVENT,
  SIGEVENT_BYTES,
  TIMER_ABSTIME,
  TIMESPEC,
  TIMESPEC_BYTES,
} from '../kernel/uapi/time.js';
import type { Batch } from '../task/batch.js';

type Entry = Messages['posix_timer_entry'];

const SECOND = 1_000_000_000n;
/** More ids than any process counts up to without PR_TIMER_CREATE_RESTORE_IDS. */
const MAX_COUNTED_ID = 1_000_000;

const min = (a: bigint, b: bigint) => (a < b ? a : b);
const max = (a: bigint, b: bigint) => (a > b ? a : b);
const nanoseconds = (sec: bigint, nsec: bigint) => sec * SECOND + nsec;

/** The timers of a process. One that a thread was to hear of that has ended signals nobody, and comes back as such. */
export function posixTimersOf(timers: Messages['task_timers_entry'] | undefined, tids: readonly number[]): Entry[] {
  return (timers?.posix ?? []).map((entry) =>
    (entry.it_sigev_notify & SIGEV_THREAD_ID) !== 0 && !tids.includes(entry.notify_thread_id ?? 0)
      ? { ...entry, it_sigev_notify: SIGEV_NONE, overrun: 0 }
      : entry,
  );
}

/**
 * Creates the timers under their numbers, not yet running. A timer that another thread is to hear of needs that thread.
 * To be done before limits (RLIMIT_SIGPENDING counts timers) and credentials (alarm clocks need CAP_WAKE_ALARM).
 */
export function createPosixTimers(pid: ImagePid, b: Batch, entries: readonly Entry[]): void {
  if (entries.length === 0) return;
  const sorted = [...entries].sort((a, c) => a.it_id - c.it_id);
  const byNumber = b.tryCall('prctl', PR_TIMER_CREATE_RESTORE_IDS, PR_TIMER_CREATE_RESTORE_IDS_ON, 0, 0, 0);
  b.run();
  if (byNumber.value === 0) {
    for (const entry of sorted) create(b, entry);
    b.call('prctl', PR_TIMER_CREATE_RESTORE_IDS, PR_TIMER_CREATE_RESTORE_IDS_OFF, 0, 0, 0);
    return;
  }
  // Before Linux 6.15 a process's timers are numbered in turn: those between are made and thrown away.
  const last = sorted.at(-1)!.it_id;
  if (last > MAX_COUNTED_ID)
    throw new CritError(`process ${pid} has a POSIX timer ${last}: this kernel would have to count up to it`, {
      code: 'UNSUPPORTED',
    });
  let next = 0;
  for (const entry of sorted) {
    for (; next < entry.it_id; next++) {
      create(b, { ...entry, it_id: next, clock_id: CLOCK_MONOTONIC, si_signo: 0, it_sigev_notify: SIGEV_NONE });
      b.call('timer_delete', next);
    }
    const id = create(b, entry);
    b.run();
    const got = id.view.getInt32(0, true);
    if (got !== entry.it_id)
      throw new CritError(`process ${pid}: POSIX timer ${entry.it_id} came back as ${got}`, { code: 'TIMER_ID' });
    next = entry.it_id + 1;
  }
}

function create(b: Batch, entry: Entry) {
  const event = new DataView(new ArrayBuffer(SIGEVENT_BYTES));
  event.setBigUint64(SIGEVENT.value, entry.sival_ptr, true);
  event.setInt32(SIGEVENT.signo, entry.si_signo, true);
  event.setInt32(SIGEVENT.notify, entry.it_sigev_notify, true);
  event.setInt32(SIGEVENT.threadId, entry.notify_thread_id ?? 0, true);
  const wanted = new Uint8Array(Int32Array.of(entry.it_id).buffer);
  using _doing = b.doing(`creating POSIX timer ${entry.it_id}`);
  b.reserve(1, SIGEVENT_BYTES + 64);
  const id = b.bytes(wanted);
  b.call('timer_create', entry.clock_id | 0, new Uint8Array(event.buffer), id);
  return id;
}

/** Clocks on which a timer can be set into the past, and the clock that tells their time. */
const BASE = new Map<number, number>([
  [CLOCK_REALTIME, CLOCK_REALTIME],
  [CLOCK_MONOTONIC, CLOCK_MONOTONIC],
  [CLOCK_BOOTTIME, CLOCK_BOOTTIME],
  [CLOCK_TAI, CLOCK_TAI],
  [CLOCK_REALTIME_ALARM, CLOCK_REALTIME],
  [CLOCK_BOOTTIME_ALARM, CLOCK_BOOTTIME],
]);

/** Above it, a tick that comes late by the rest of an interval is worse than a forgotten overrun count. */
const SHORT_INTERVAL_NS = 50_000_000n;
/**
 * How soon, at first, a timer goes off again whose last signal was taken and whose next one was pending. It must not be
 * sooner than the signal is taken here: each try that comes too late doubles it.
 */
const SOON_NS = 20_000n;
const MAX_TRIES = 30;
/** How long a signal that must come at once is waited for. */
const PATIENCE_NS = 200_000_000n;

/** A timer and how it is to be started. */
interface Plan {
  entry: Entry;
  intervalNs: bigint;
  /** Until it goes off. */
  restNs: bigint;
  overrun: bigint;
  /** Its signal has been sent and not taken. */
  pending: boolean;
  /** Undefined for clocks that do not start anew where they were (CPU clocks). */
  base: number | undefined;
  started: boolean;
  soonNs: bigint;
}

/**
 * Starts timers so that they stand as they stood: the rest of the time, a signal that was pending (sent by the timer
 * itself, which so knows that it need not send another), and the overrun count of the last one taken.
 *
 * 1. A timer with an overrun count of N is set to have gone off N intervals ago; the signal that it sends at once is
 *    taken here, and the kernel counts N.
 * 2. A timer whose signal was pending is set to have gone off in the past and sends it again; pending signals are given
 *    back in their order (`pending` below, called from the queue).
 * 3. All others are set to the rest of their time.
 *
 * Step 1 makes a timer go off right after, should its next signal have been pending: with a longer interval than 50 ms
 * the count is given up for the pending signal.
 */
export class PosixTimerStarter {
  readonly #b: Batch;
  readonly #plans: Plan[];

  /** The timers of a process that signal thread `tid`, and with `leader` those that signal the process or nobody. */
  constructor(b: Batch, entries: readonly Entry[], tid: ImagePid, leader: boolean, signals: readonly Uint8Array[]) {
    this.#b = b;
    const queued = new Set(signals.map(timerOf).filter((id) => id !== undefined));
    this.#plans = entries
      .filter((entry) => ((entry.it_sigev_notify & SIGEV_THREAD_ID) !== 0 ? entry.notify_thread_id === tid : leader))
      .map((entry) => {
        const intervalNs = nanoseconds(entry.isec, entry.insec);
        return {
          entry,
          intervalNs,
          // an interval without a value: its rest was too short to be told
          restNs: nanoseconds(entry.vsec, entry.vnsec) || intervalNs,
          overrun: BigInt(entry.overrun),
          pending: queued.has(entry.it_id),
          base: BASE.get(entry.clock_id | 0),
          started: false,
          soonNs: SOON_NS,
        };
      });
  }

  /** Step 1. */
  countOverruns(): void {
    const work = this.#plans.filter(
      (plan) =>
        plan.overrun > 0n &&
        plan.intervalNs > 0n &&
        plan.base !== undefined &&
        (!plan.pending || plan.intervalNs <= SHORT_INTERVAL_NS),
    );
    for (let tries = 0; work.length && tries < MAX_TRIES; tries++) {
      const plan = work.shift()!;
      const taken = this.#overrun(plan);
      if (!taken) continue; // step 2 or 3 starts it
      // Another one with the same signal was quicker: its count is spoilt, it has to do it again.
      const other = taken.id === plan.entry.it_id ? undefined : this.#plans.find((p) => p.entry.it_id === taken.id);
      if (other?.started && !work.includes(other)) work.push(other);
      // An exact count may not be had at all (an interval of a few microseconds): the last try stands.
      plan.started = true;
      if (taken.overrun !== plan.overrun) work.push(plan);
    }
  }

  /** @returns whose signal was taken, and the count of `plan` then; undefined when its clock has not run that long */
  #overrun(plan: Plan): { id: number; overrun: bigint } | undefined {
    const { entry, intervalNs, overrun } = plan;
    const now = this.#now(plan.base!);
    const rest = plan.pending ? 0n : min(plan.restNs, intervalNs);
    const behind = (overrun + 1n) * intervalNs - max(rest, min(plan.soonNs, intervalNs / 2n));
    plan.soonNs *= 2n;
    if (behind >= now) return undefined;
    const b = this.#b;
    b.reserve(3, ITIMERSPEC_BYTES + SIGINFO_BYTES + 64);
    const info = b.out(SIGINFO_BYTES);
    this.#set(plan, now - behind, TIMER_ABSTIME);
    const signal = b.tryCall(
      'rt_sigtimedwait',
      new Uint8Array(new BigUint64Array([signalBit(entry.si_signo)]).buffer),
      info,
      timespec(PATIENCE_NS),
      SIGSET_BYTES,
    );
    const count = b.call('timer_getoverrun', entry.it_id);
    b.run();
    return {
      id: signal.value < 0 ? entry.it_id : info.view.getInt32(SIGINFO.timerid, true),
      overrun: signal.value < 0 ? -1n : BigInt(count.value),
    };
  }

  /** Step 2: true when the timer of a pending signal sends it by itself. */
  pending(siginfo: Uint8Array): boolean {
    const id = timerOf(siginfo);
    const plan = this.#plans.find((p) => p.entry.it_id === id);
    if (!plan) return false;
    if (plan.started) return true;
    const { base, intervalNs, restNs } = plan;
    if (base === undefined) return false;
    const now = this.#now(base);
    if (intervalNs === 0n) {
      if (restNs > 0n) return false; // set anew since
      this.#set(plan, now - 1n, TIMER_ABSTIME);
    } else {
      const past = now + restNs - intervalNs;
      if (past <= 0n || past >= now) return false;
      this.#set(plan, past, TIMER_ABSTIME);
    }
    plan.started = true;
    return true;
  }

  /** Step 3. */
  startRest(): void {
    for (const plan of this.#plans)
      if (!plan.started && plan.restNs > 0n) {
        this.#set(plan, plan.restNs, 0);
        plan.started = true;
      }
  }

  #set({ entry, intervalNs }: Plan, valueNs: bigint, flags: number): void {
    const spec = new DataView(new ArrayBuffer(ITIMERSPEC_BYTES));
    spec.setBigInt64(ITIMERSPEC.intervalSec, intervalNs / SECOND, true);
    spec.setBigInt64(ITIMERSPEC.intervalFraction, intervalNs % SECOND, true);
    spec.setBigInt64(ITIMERSPEC.valueSec, valueNs / SECOND, true);
    spec.setBigInt64(ITIMERSPEC.valueFraction, valueNs % SECOND, true);
    const b = this.#b;
    using _doing = b.doing(`starting POSIX timer ${entry.it_id} (${signalName(entry.si_signo)})`);
    b.call('timer_settime', entry.it_id, flags, new Uint8Array(spec.buffer), null);
  }

  /** As the task sees it: it may be in a time namespace. 1 batch. */
  #now(clock: number): bigint {
    const b = this.#b;
    b.reserve(1, TIMESPEC_BYTES);
    const out = b.out(TIMESPEC_BYTES);
    b.call('clock_gettime', clock, out);
    b.run();
    return nanoseconds(out.view.getBigInt64(TIMESPEC.sec, true), out.view.getBigInt64(TIMESPEC.nsec, true));
  }
}

function timespec(ns: bigint): Uint8Array {
  return new Uint8Array(new BigUint64Array([ns / SECOND, ns % SECOND]).buffer);
}

/** The timer that sent a signal, or undefined. */
function timerOf(siginfo: Uint8Array): number | undefined {
  const view = new DataView(siginfo.buffer, siginfo.byteOffset, siginfo.byteLength);
  return view.getInt32(SIGINFO.code, true) === SI_TIMER ? view.getInt32(SIGINFO.timerid, true) : undefined;
}
