import { NAMESPACES } from '../image/namespaces.js';
import type { Messages } from '../image/generated/messages.js';
import { ownTimeOffsets, readTimeOffsets, type BootClocks } from '../kernel/proc/time-namespace.js';
import { readClocks } from '../task/clocks.js';
import type { DumpContext } from './context.js';
import { isInOwn } from './namespaces.js';
import type { Resource } from './resource.js';

const NS_PER_SEC = 1_000_000_000n;
const NONE: BootClocks = { monotonicNs: 0n, boottimeNs: 0n };

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
    const own = isInOwn(pid, 'time');
    if (own) this.#ownNs = NAMESPACES.time.own;
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
