import type { CoreEntry, FileEntry } from '../../image/generated/messages.js';
import { signalName } from '../../kernel/uapi/signal.js';
import * as clocks from '../../kernel/uapi/time.js';

/** A timer of a process. */
export interface TimerInfo {
  readonly kind: 'itimer' | 'posix' | 'timerfd';
  /** `real`, `virtual` or `prof`; the id of a POSIX timer, the id of a timerfd's open file. */
  readonly id: string | number;
  readonly clock: string;
  /** Seconds until it fires; undefined when it is not armed. */
  readonly leftSec: number | undefined;
  /** Seconds; undefined when it fires once. */
  readonly intervalSec: number | undefined;
  /** What it sends; undefined for a timerfd and for SIGEV_NONE. */
  readonly signal: string | undefined;
  /** The thread that gets it; undefined when any may. */
  readonly tid: number | undefined;
  /** Expirations that nobody has seen yet. */
  readonly overrun: number;
}

const CLOCKS = new Map<number, string>(
  Object.entries(clocks).flatMap(([name, value]) =>
    name.startsWith('CLOCK_') && typeof value === 'number' ? [[value, name] as const] : [],
  ),
);

/** linux/posix-timers.h: a clock of a process or thread is ~pid << 3, or'ed with 4 for a thread and the kind of time. */
function clockName(id: number): string {
  const signed = id | 0;
  if (signed >= 0) return CLOCKS.get(signed) ?? `clock ${signed}`;
  const of = ~(signed >> 3);
  const whose = signed & 4 ? 'thread' : 'process';
  return of === 0 ? `CPU time of the ${whose}` : `CPU time of ${whose} ${of}`;
}

const seconds = (sec: bigint, fraction: bigint, units: number): number | undefined =>
  sec === 0n && fraction === 0n ? undefined : Number(sec) + Number(fraction) / units;

/** The timers of a process that are armed, and all that timer_create(2) made. */
export function timersOf(core: CoreEntry): readonly TimerInfo[] {
  const timers = core.tc?.timers;
  if (!timers) return [];
  const out: TimerInfo[] = [];
  for (const [id, timer, signal, clock] of [
    ['real', timers.real, 'SIGALRM', 'CLOCK_MONOTONIC'],
    ['virtual', timers.virt, 'SIGVTALRM', 'user time'],
    ['prof', timers.prof, 'SIGPROF', 'user and system time'],
  ] as const) {
    const leftSec = seconds(timer.vsec, timer.vusec, 1e6);
    const intervalSec = seconds(timer.isec, timer.iusec, 1e6);
    if (leftSec === undefined && intervalSec === undefined) continue;
    out.push({ kind: 'itimer', id, clock, leftSec, intervalSec, signal, tid: undefined, overrun: 0 });
  }
  for (const timer of timers.posix ?? [])
    out.push({
      kind: 'posix',
      id: timer.it_id,
      clock: clockName(timer.clock_id),
      leftSec: seconds(timer.vsec, timer.vnsec, 1e9),
      intervalSec: seconds(timer.isec, timer.insec, 1e9),
      signal: timer.it_sigev_notify === clocks.SIGEV_NONE ? undefined : signalName(timer.si_signo),
      tid: timer.notify_thread_id,
      overrun: timer.overrun,
    });
  return out;
}

/** A timerfd of files.img; undefined for any other file. */
export function timerfdOf({ id, tfd }: FileEntry): TimerInfo | undefined {
  return (
    tfd && {
      kind: 'timerfd',
      id,
      clock: clockName(tfd.clockid),
      leftSec: seconds(tfd.vsec, tfd.vnsec, 1e9),
      intervalSec: seconds(tfd.isec, tfd.insec, 1e9),
      signal: undefined,
      tid: undefined,
      overrun: Number(tfd.ticks),
    }
  );
}
