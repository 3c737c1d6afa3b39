import { CLOCK_BOOTTIME, CLOCK_MONOTONIC, CLOCK_REALTIME } from '../kernel/uapi/time.js';
import type { BootClocks } from '../kernel/proc/time-namespace.js';
import { sys } from '../native/sys.js';

const NS_PER_SEC = 1_000_000_000n;

function clock(id: number): bigint {
  const time = new BigInt64Array(2);
  sys('clock_gettime', id, time);
  return time[0]! * NS_PER_SEC + time[1]!;
}

/** What the clocks show here and now: those of crit's time namespace, and the time of day. */
export function readClocks(): BootClocks & { realtimeNs: bigint } {
  return {
    monotonicNs: clock(CLOCK_MONOTONIC),
    boottimeNs: clock(CLOCK_BOOTTIME),
    realtimeNs: clock(CLOCK_REALTIME),
  };
}
