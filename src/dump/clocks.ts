import type { Messages } from '../image/generated/messages.js';
import { ownTimeOffsets, readTimeOffsets, type BootClocks } from '../kernel/proc/time-namespace.js';
import { readClocks } from '../task/clocks.js';
import type { DumpContext } from './context.js';
import { isInOwnTime } from './namespaces.js';
import type { Resource } from './resource.js';

const NS_PER_SEC = 1_000_000_000n;
const NONE: BootClocks = { monotonicNs: 0n, boottimeNs: 0n };

/** The id of the tree's own time namespace in the images; what crit itself is in has no number of its own but 0. */
const OWN_TIME_NS = 9;

const timespec = (ns: bigint) => ({ tv_sec: ns / NS_PER_SEC, tv_nsec: ns % NS_PER_SEC });

/** The clocks that the tree sees (timens-0.img, or that of its own time namespace). */
export class Clocks implements Resource {
  readonly name = 'clocks';
  readonly #ctx: DumpContext;
  #ownNs: number | undefined;

  constructor(ctx: DumpContext) {
    this.#ctx = ctx;
  }

  check(): void {
    const { pid } = this.#ctx.options;
    const own = isInOwnTime(pid);
    if (own) this.#ownNs = OWN_TIME_NS;
    this.#ctx.write('TIMENS', this.#ownNs ?? 0, [{ message: clocksOf(pid, own) }]);
  }

  /** The field of ids.img, if the tree is in a time namespace of its own. */
  get ids(): Pick<Messages['task_kobj_ids_entry'], 'time_ns_id'> {
    return this.#ownNs === undefined ? {} : { time_ns_id: this.#ownNs };
  }
}

/**
 * What the clocks show to a tree whose root is `pid`, now.
 * @param own whether it is in a time namespace other than crit's
 */
function clocksOf(pid: number, own: boolean): Messages['timens_entry'] {
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
