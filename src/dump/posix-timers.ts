import { seenByTask } from '../image/pid.js';
import type { Messages } from '../image/generated/messages.js';
import {
  ITIMERSPEC,
  ITIMERSPEC_BYTES,
  SIGEV_NONE,
  SIGEV_SIGNAL,
  SIGEV_THREAD,
  SIGEV_THREAD_ID,
} from '../kernel/uapi/time.js';
import { readTimers, type PosixTimer } from '../kernel/proc/timers.js';
import type { Batch } from '../task/batch.js';

const NOTIFY = { signal: SIGEV_SIGNAL, none: SIGEV_NONE, thread: SIGEV_THREAD } as const;

/** The POSIX timers of a process: what they are from /proc, when they go off from inside. 2 operations a timer. */
export function askPosixTimers(pid: number, tids: readonly number[], b: Batch): () => Messages['posix_timer_entry'][] {
  const answers = readTimers(pid).map((timer) => {
    b.reserve(2, ITIMERSPEC_BYTES);
    const spec = b.out(ITIMERSPEC_BYTES);
    b.call('timer_gettime', timer.id, spec);
    const overrun = b.call('timer_getoverrun', timer.id);
    return () => entry(aims(timer, tids), spec.view, overrun.value);
  });
  return () => answers.map((answer) => answer());
}

/** A timer that a thread was to hear of that has ended signals nobody; no thread with its number can be had again. */
function aims(timer: PosixTimer, tids: readonly number[]): PosixTimer {
  return timer.toThread && !tids.includes(timer.target) ? { ...timer, notify: 'none', toThread: false } : timer;
}

function entry(timer: PosixTimer, spec: DataView, overrun: number): Messages['posix_timer_entry'] {
  return {
    it_id: timer.id,
    clock_id: timer.clockid >>> 0,
    si_signo: timer.signal,
    it_sigev_notify: timer.toThread ? SIGEV_THREAD_ID : NOTIFY[timer.notify],
    sival_ptr: timer.sigval,
    overrun,
    isec: spec.getBigUint64(ITIMERSPEC.intervalSec, true),
    insec: spec.getBigUint64(ITIMERSPEC.intervalFraction, true),
    vsec: spec.getBigUint64(ITIMERSPEC.valueSec, true),
    vnsec: spec.getBigUint64(ITIMERSPEC.valueFraction, true),
    ...(timer.toThread && { notify_thread_id: seenByTask(timer.target) }),
  };
}
