import type { Messages } from '../image/generated/messages.js';
import { readLimits } from '../kernel/proc/limits.js';
import { RLIM_INFINITY, RLIM_NLIMITS, RLIMIT64, RLIMIT64_BYTES, rlimitName } from '../kernel/uapi/resource.js';
import type { Batch } from '../task/batch.js';

const show = (value: bigint) => (value === RLIM_INFINITY ? 'unlimited' : String(value));

/** What the tasks began with, for the message of a limit that cannot be set: crit's own. */
let own: ReturnType<typeof readLimits> | undefined;

/**
 * Sets all limits, which takes less time than reading what is set. After everything that a low limit would forbid
 * (descriptors, pending signals, timers), before credentials: a hard limit is raised only with CAP_SYS_RESOURCE.
 */
export function restoreRlimits(b: Batch, all: readonly Messages['rlimit_entry'][]): void {
  const entries = all.slice(0, RLIM_NLIMITS);
  own ??= readLimits(process.pid);
  const records = new DataView(new ArrayBuffer(entries.length * RLIMIT64_BYTES));
  for (const [resource, { cur, max }] of entries.entries()) {
    records.setBigUint64(resource * RLIMIT64_BYTES + RLIMIT64.cur, cur, true);
    records.setBigUint64(resource * RLIMIT64_BYTES + RLIMIT64.max, max, true);
  }
  b.reserve(entries.length, records.byteLength + 64);
  const { address } = b.bytes(new Uint8Array(records.buffer));
  for (const [resource, { cur, max }] of entries.entries()) {
    const is = own[resource];
    const raise =
      is && is.hard < max ? ` (the hard limit here is ${show(is.hard)}: raising it needs CAP_SYS_RESOURCE)` : '';
    using _doing = b.doing(`setting ${rlimitName(resource)} to ${show(cur)}/${show(max)}${raise}`);
    b.call('prlimit64', 0, resource, address + resource * RLIMIT64_BYTES, null);
  }
}

/** Sets a soft limit, or takes as much as is allowed; the process gets its own back with the others. */
export function limitTo(b: Batch, resource: number, soft: bigint | undefined): void {
  b.reserve(3, 64);
  const limit = b.out(16);
  b.call('prlimit64', 0, resource, null, limit);
  if (soft === undefined) b.call('copy', limit, limit.address + 8, 8);
  else b.call('copy', limit, new Uint8Array(BigUint64Array.of(soft).buffer), 8);
  b.tryCall('prlimit64', 0, resource, limit, null);
}
