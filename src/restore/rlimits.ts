import type { Messages } from '../image/generated/messages.js';
import { readLimits } from '../kernel/limits.js';
import { RLIM_INFINITY, RLIM_NLIMITS, RLIMIT64, RLIMIT64_BYTES, rlimitName } from '../kernel/resource.js';
import type { Batch } from '../task/batch.js';

const show = (value: bigint) => (value === RLIM_INFINITY ? 'unlimited' : String(value));

/**
 * Sets the limits that differ from what the task has. After everything that a low limit would forbid (descriptors, pending
 * signals, timers), before credentials: a hard limit is raised only with CAP_SYS_RESOURCE.
 */
export function restoreRlimits(pid: number, b: Batch, entries: readonly Messages['rlimit_entry'][]): void {
  const now = readLimits(pid);
  entries.slice(0, RLIM_NLIMITS).forEach(({ cur, max }, resource) => {
    const is = now[resource];
    if (is?.soft === cur && is.hard === max) return;
    const limit = new DataView(new ArrayBuffer(RLIMIT64_BYTES));
    limit.setBigUint64(RLIMIT64.cur, cur, true);
    limit.setBigUint64(RLIMIT64.max, max, true);
    const raise =
      is && is.hard < max ? ` (the hard limit here is ${show(is.hard)}: raising it needs CAP_SYS_RESOURCE)` : '';
    b.doing(`setting ${rlimitName(resource)} to ${show(cur)}/${show(max)}${raise}`);
    b.call('prlimit64', 0, resource, new Uint8Array(limit.buffer), null);
  });
  b.doing(undefined);
}
