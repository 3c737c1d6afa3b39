import { NARROW, WIDE } from './area.js';
import type { Borrowed } from './borrow.js';
import * as L from './generated/layout.js';
import { Puppet } from './puppet.js';
import { Batch, type Ref } from './batch.js';
import type { Ring } from './ring.js';

const CLONE_VM = 0x100;
const CLONE_ARGS_BYTES = 88;
const WALL = 0x40000000;

/** Adds a clone(2) whose child begins in a ring of its own, without a signal at its end. */
export function cloneInto(b: Batch, ring: Ring, flags: number): Ref {
  const words = new BigUint64Array(CLONE_ARGS_BYTES / 8);
  words[0] = BigInt(flags);
  words[5] = BigInt(ring.stackBase);
  words[6] = BigInt(L.PUPPET_STACK_SIZE);
  return b.tryCall('clone', new Uint8Array(words.buffer), CLONE_ARGS_BYTES, ring.address);
}

/** The rings that a snapshot needs besides the leader's own. */
export const SNAPSHOT_RINGS = [NARROW, WIDE] as const;

/**
 * A copy of a borrowed process as it stands, made by fork inside it: the process can go on while crit reads the copy.
 * The copy is forked by a short-lived intermediate that the process reaps in the same batch, so it is no child of the
 * process and leaves no zombie there: init (or a subreaper above) adopts and reaps it. It shares the control area and
 * exits by itself when crit dies.
 *
 * A process that is a subreaper itself would adopt it: do not snapshot such a one.
 *
 * Cost: 1 batch, whose duration is the fork's (about 23 ms for 1 GiB of 4 KiB pages).
 * @returns undefined when the kernel refuses the fork (limits, memory)
 */
export function snapshot(borrowed: Borrowed, keepFds: readonly number[]): Puppet | undefined {
  const middle = borrowed.spareRing(NARROW);
  const copy = borrowed.spareRing(WIDE);
  middle.set(L.RING_ON_DEATH, L.DEATH_EXIT);
  copy.set(L.RING_ON_DEATH, L.DEATH_EXIT);
  // The intermediate finds its command waiting: nobody has to tell it anything.
  const prepared = new Batch(
    middle,
    () => borrowed.pid,
    () => undefined,
  );
  cloneInto(prepared, copy, 0);
  prepared.call('exit', 0);
  prepared.submit();
  const b = borrowed.puppet.batch();
  const child = cloneInto(b, middle, CLONE_VM);
  b.tryCall('wait4', child, null, WALL, null);
  b.run();
  if (child.value < 0) return undefined;
  // The intermediate never answered in its ring: its results are read where the blob wrote them.
  const at = (middle.opsOffset + L.OP_RESULT) >>> 2;
  const pid = (borrowed.area.u32[at + 1]! | 0) * 2 ** 32 + borrowed.area.u32[at]!;
  if (pid <= 0) return undefined;
  const puppet = new Puppet(copy, pid);
  // Descriptors of the process must not be held open by its copy.
  const keep = [...keepFds].sort((x, y) => x - y);
  let from = 0;
  const c = puppet.batch();
  for (const fd of keep) {
    if (fd > from) c.call('close_range', from, fd - 1, 0);
    from = fd + 1;
  }
  c.call('close_range', from, 0xffffffff, 0);
  c.submit();
  return puppet;
}
