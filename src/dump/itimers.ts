import type { Messages } from '../image/generated/messages.js';
import { ITIMER_PROF, ITIMER_REAL, ITIMER_VIRTUAL, ITIMERSPEC, ITIMERSPEC_BYTES } from '../kernel/uapi/time.js';
import type { Batch, Out } from '../task/batch.js';

/** getitimer(2) of the three. 3 operations. */
export function askItimers(b: Batch): () => Omit<Messages['task_timers_entry'], 'posix'> {
  const ask = (which: number) => {
    b.reserve(1, ITIMERSPEC_BYTES);
    const out = b.out(ITIMERSPEC_BYTES);
    b.call('getitimer', which, out);
    return out;
  };
  const real = ask(ITIMER_REAL);
  const virt = ask(ITIMER_VIRTUAL);
  const prof = ask(ITIMER_PROF);
  return () => ({ real: itimer(real), virt: itimer(virt), prof: itimer(prof) });
}

function itimer({ view }: Out): Messages['itimer_entry'] {
  return {
    isec: view.getBigUint64(ITIMERSPEC.intervalSec, true),
    iusec: view.getBigUint64(ITIMERSPEC.intervalFraction, true),
    vsec: view.getBigUint64(ITIMERSPEC.valueSec, true),
    vusec: view.getBigUint64(ITIMERSPEC.valueFraction, true),
  };
}
