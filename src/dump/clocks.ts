import type { Messages } from '../image/generated/messages.js';
import { ownTimeOffsets, readTimeOffsets, type BootClocks } from '../kernel/proc/time-namespace.js';
import { readClocks } from '../task/clocks.js';

const NS_PER_SEC = 1_000_000_000n;
const NONE: BootClocks = { monotonicNs: 0n, boottimeNs: 0n };

/** The id of the tree's own time namespace in the images; what crit itself is in has no number of its own but 0. */
export const OWN_TIME_NS = 9;

const timespec = (ns: bigint) => ({ tv_sec: ns / NS_PER_SEC, tv_nsec: ns % NS_PER_SEC });

/**
 * What the clocks show to a tree whose root is `pid`, now.
 * @param own whether it is in a time namespace other than crit's
 */
export function clocksOf(pid: number, own: boolean): Messages['timens_entry'] {
  const ours = ownTimeOffsets() ?? NONE;
  const theirs = own ? readTimeOffsets(pid) : ours;
  const now = readClocks();
  return {
    monotonic: timespec(now.monotonicNs - ours.monotonicNs + theirs.monotonicNs),
    boottime: timespec(now.boottimeNs - ours.boottimeNs + theirs.boottimeNs),
    realtime: timespec(now.realtimeNs),
    monotonic_offset_ns: theirs.monotonicNs,
    boottime_offset_ns: theirs.boottimeNs,
  };
}
