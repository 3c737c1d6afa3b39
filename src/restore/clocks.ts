import { statSync } from 'node:fs';
import { imageFileName } from '../image/catalogue.js';
import { CritError } from '../image/errors.js';
import type { Messages } from '../image/generated/messages.js';
import type { Log } from '../image/log.js';
import type { Pid } from '../image/pid.js';
import { CAPABILITIES } from '../kernel/uapi/capability.js';
import { readNamespace } from '../kernel/proc/namespaces.js';
import { readStatus } from '../kernel/proc/status.js';
import { CLOCK_BOOTTIME, CLOCK_BOOTTIME_ALARM, CLOCK_MONOTONIC } from '../kernel/uapi/time.js';
import { ownTimeOffsets, type BootClocks } from '../kernel/proc/time-namespace.js';
import { readClocks } from '../task/clocks.js';
import type { Refuse } from './refuse.js';
import type { Part } from './part.js';
import type { ImageDir } from '../encode/image-dir.js';

const NS_PER_SEC = 1_000_000_000n;
/** The time of day may be set by so much without a machine seeming another one. */
const TOLERANCE_NS = 2n * NS_PER_SEC;

/** What the clocks showed when a tree was dumped. */
export interface DumpedClocks extends BootClocks {
  /** The time of day then; undefined if nobody knows. */
  realtimeNs: bigint | undefined;
  /** Of the time namespace that it was in; undefined in images of CRIU. */
  offsets: BootClocks | undefined;
}

/** What they show to crit now. */
export interface ClocksNow extends BootClocks {
  realtimeNs: bigint;
  /** Of crit's time namespace. */
  offsets: BootClocks;
}

/** Whether `clock` has gone on from `then` to `now` as the time of day has: same machine, same boot. */
function wentOn(then: BootClocks, now: BootClocks, realtimeNs: bigint): boolean {
  const monotonic = now.monotonicNs - then.monotonicNs;
  const boottime = now.boottimeNs - then.boottimeNs;
  const apart = boottime - realtimeNs;
  // CLOCK_MONOTONIC alone stands still while a machine is suspended
  return monotonic >= 0n && monotonic <= boottime + TOLERANCE_NS && apart <= TOLERANCE_NS && apart >= -TOLERANCE_NS;
}

const minus = (a: BootClocks, b: BootClocks): BootClocks => ({
  monotonicNs: a.monotonicNs - b.monotonicNs,
  boottimeNs: a.boottimeNs - b.boottimeNs,
});
const equal = (a: BootClocks, b: BootClocks) => a.monotonicNs === b.monotonicNs && a.boottimeNs === b.boottimeNs;

/**
 * The offsets of a time namespace in which the clocks of a tree never jump: undefined where crit's own does. On the machine and boot
 * of the dump the clocks have gone on meanwhile, as for a process that was stopped. Anywhere else they go on from where they were.
 * @param own whether the tree was in a time namespace other than the dumping tool's
 */
export function planClocks(then: DumpedClocks, now: ClocksNow, own: boolean): BootClocks | undefined {
  const passed = then.realtimeNs === undefined ? undefined : now.realtimeNs - then.realtimeNs;
  if (!own) {
    if (passed !== undefined && wentOn(then, now, passed)) return undefined;
  } else if (passed !== undefined && then.offsets) {
    const { offsets } = then;
    if (wentOn(minus(then, offsets), minus(now, now.offsets), passed))
      return equal(offsets, now.offsets) ? undefined : offsets;
  }
  return minus(then, minus(now, now.offsets));
}

const ns = ({ tv_sec, tv_nsec }: Messages['timespec']) => tv_sec * NS_PER_SEC + tv_nsec;

/** The clocks of a tree that is being restored. */
export class Clocks {
  /** Offsets of the time namespace that it is restored in; undefined in crit's own. */
  readonly offsets: BootClocks | undefined;
  readonly #ahead: BootClocks;

  /** @param namespaceId of the tree's own time namespace in the images, or 0 */
  constructor(images: ImageDir, namespaceId: number, log: Log, refuse: Refuse) {
    this.offsets = this.#plan(images, namespaceId, log, refuse);
    this.#ahead = this.offsets ? minus(this.offsets, ownTimeOffsets()!) : { monotonicNs: 0n, boottimeNs: 0n };
  }

  #plan(images: ImageDir, namespaceId: number, log: Log, refuse: Refuse): BootClocks | undefined {
    const file = imageFileName('TIMENS', namespaceId);
    const entry = images.first('TIMENS', namespaceId);
    if (!entry) {
      if (namespaceId === 0) return undefined; // CRIU 3.13 and older
      throw new CritError(`${file} is missing: the clocks of the dumped time namespace are not known`, {
        code: 'MISSING_IMAGE',
      });
    }
    const offsets =
      entry.monotonic_offset_ns === undefined || entry.boottime_offset_ns === undefined
        ? undefined
        : { monotonicNs: entry.monotonic_offset_ns, boottimeNs: entry.boottime_offset_ns };
    const own = ownTimeOffsets();
    const wanted = planClocks(
      {
        monotonicNs: ns(entry.monotonic),
        boottimeNs: ns(entry.boottime),
        realtimeNs: entry.realtime ? ns(entry.realtime) : writtenAt(images.file('TIMENS', namespaceId)),
        offsets,
      },
      { ...readClocks(), offsets: own ?? { monotonicNs: 0n, boottimeNs: 0n } },
      namespaceId !== 0,
    );
    if (!wanted) return undefined;
    const missing = own ? missingRight() : 'time namespaces (Linux 5.6)';
    if (!missing) return wanted;
    const says = `${file}: the clocks of the dumped processes (CLOCK_MONOTONIC, CLOCK_BOOTTIME) are not this machine's, and they cannot have a time namespace here: ${missing} is missing`;
    if (namespaceId !== 0) refuse(new CritError(says, { code: 'UNSUPPORTED' }));
    else log.warn(`${says}; their clocks jump`);
    return undefined;
  }

  /** How far a clock of the tree is ahead of crit's, nanoseconds. */
  aheadNs(clockid: number): bigint {
    if (clockid === CLOCK_MONOTONIC) return this.#ahead.monotonicNs;
    return clockid === CLOCK_BOOTTIME || clockid === CLOCK_BOOTTIME_ALARM ? this.#ahead.boottimeNs : 0n;
  }

  /** As a part of the restore. */
  part(): Part {
    return {
      name: 'clocks',
      at: {
        root: ({ task }) => {
          this.#check(task.puppet!.tid);
        },
      },
      planLines: () => (this.offsets ? ['clocks: go on where they were, in a time namespace'] : []),
    };
  }

  /** Whether the root, just started, is where it should be: execve(2) takes it there since Linux 6.3. @throws CritError */
  #check(pid: Pid): void {
    if (this.offsets && readNamespace(pid, 'time') !== readNamespace(pid, 'time_for_children'))
      throw new CritError(
        'this kernel does not take a process into its time namespace when it executes a program (Linux 6.3): the clocks of the dumped processes cannot go on here',
        { code: 'UNSUPPORTED' },
      );
  }
}

/** CRIU writes the image while it reads the clocks. */
function writtenAt(file: string): bigint {
  return statSync(file, { bigint: true }).mtimeNs;
}

/** What crit lacks to make a time namespace. */
function missingRight(): string | undefined {
  const { capEff } = readStatus(process.pid);
  if (!(capEff & (1n << BigInt(CAPABILITIES.CAP_SYS_ADMIN)))) return 'CAP_SYS_ADMIN';
  return capEff & (1n << BigInt(CAPABILITIES.CAP_SYS_TIME)) ? undefined : 'CAP_SYS_TIME';
}
