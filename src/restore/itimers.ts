import type { Messages } from '../image/generated/messages.js';
import { ITIMER_PROF, ITIMER_REAL, ITIMER_VIRTUAL, ITIMERSPEC, ITIMERSPEC_BYTES } from '../kernel/uapi/time.js';
import type { Batch } from '../task/batch.js';

/** Starts the interval timers (setitimer(2)): as late as possible, they run on while the task is being restored. */
export function restoreItimers(b: Batch, timers: Messages['task_timers_entry']): void {
  using _doing = b.doing('starting the interval timers');
  arm(b, ITIMER_REAL, timers.real);
  arm(b, ITIMER_VIRTUAL, timers.virt);
  arm(b, ITIMER_PROF, timers.prof);
}

/**
 * An interval without a value is a timer that has gone off and whose signal nobody has taken: it is started to go off at
 * once, so that it is in that state again.
 */
function arm(b: Batch, which: number, entry: Messages['itimer_entry']): void {
  const { isec, iusec, vsec, vusec } = entry;
  if (!isec && !iusec && !vsec && !vusec) return;
  const spec = new DataView(new ArrayBuffer(ITIMERSPEC_BYTES));
  spec.setBigUint64(ITIMERSPEC.intervalSec, isec, true);
  spec.setBigUint64(ITIMERSPEC.intervalFraction, iusec, true);
  spec.setBigUint64(ITIMERSPEC.valueSec, vsec, true);
  spec.setBigUint64(ITIMERSPEC.valueFraction, vsec || vusec ? vusec : 1n, true);
  b.call('setitimer', which, new Uint8Array(spec.buffer), null);
}
