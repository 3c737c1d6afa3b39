import type { Pid } from '../image/pid.js';
import { closeSync } from 'node:fs';
import { nowMs } from '../image/clock.js';
import { checkInterrupts } from '../native/interrupts.js';
import { readChildren } from '../kernel/proc/tasks.js';
import { CLONE_ARGS_BYTES, CLONE_VM } from '../kernel/uapi/clone.js';
import { SIGKILL } from '../kernel/uapi/signal.js';
import { POLLIN } from '../kernel/uapi/socket.js';
import { __WALL } from '../kernel/uapi/wait.js';
import { pollFd } from '../native/poll.js';
import { sysRaw } from '../native/sys.js';
import { NARROW, WIDE } from './area.js';
import type { Borrowed } from './borrow.js';
import { openPidfd } from './descriptors.js';
import * as L from './generated/layout.js';
import { Puppet } from './puppet.js';
import type { Batch, Ref } from './batch.js';
import type { Ring } from './ring.js';

/** How long the end of a copy is waited for: its memory is freed first. */
const END_MS = 10_000;

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

/** A copy of a process, at work in a ring of its own. */
export class Snapshot implements Disposable {
  readonly puppet: Puppet;
  #pidfd: number;

  constructor(puppet: Puppet, pidfd: number) {
    this.puppet = puppet;
    this.#pidfd = pidfd;
  }

  /** Ends the copy and waits for that. */
  [Symbol.dispose](): void {
    if (this.#pidfd < 0) return;
    sysRaw('pidfd_send_signal', this.#pidfd, SIGKILL, null, 0);
    // a pidfd can be read from when its process has ended (pidfd_open(2))
    pollFd(this.#pidfd, POLLIN, END_MS);
    closeSync(this.#pidfd);
    this.#pidfd = -1;
  }
}

/**
 * A copy of a borrowed process as it stands, made by fork inside it: the process can go on while crit reads the copy.
 * The copy is forked by a short-lived intermediate that the process reaps in the same batch, so it is no child of the
 * process and leaves no zombie there: init (or a subreaper above) adopts and reaps it. It shares the control area and
 * exits by itself when crit dies.
 *
 * Who they are, crit learns from the kernel while the intermediate waits for its last command: it is the only child that
 * the process did not have before, and the copy is the only child of that.
 *
 * A process that is a subreaper itself would adopt it: do not snapshot such a one.
 *
 * Cost: 3 batches, of which one lasts as long as the fork (about 23 ms for 1 GiB of 4 KiB pages).
 * @param sizeBytes of its memory
 * @returns undefined when the kernel refuses the fork (limits, memory)
 */
export function snapshot(borrowed: Borrowed, sizeBytes: number, keepFds: readonly number[]): Snapshot | undefined {
  const { pid, puppet } = borrowed;
  const before = new Set(readChildren(pid));
  const middleRing = borrowed.spareRing(NARROW);
  const copyRing = borrowed.spareRing(WIDE);
  middleRing.onDeath(L.DEATH_EXIT);
  copyRing.onDeath(L.DEATH_EXIT);
  puppet.patience.grant(sizeBytes);
  // The intermediate finds its first command waiting, and the process waits for its end.
  const middle = new Puppet(middleRing, pid, puppet.patience);
  const forked = cloneInto(middle.batch(), copyRing, 0);
  middle.batch().submit();
  const b = puppet.batch();
  const child = cloneInto(b, middleRing, CLONE_VM);
  b.tryCall('wait4', child, null, __WALL, null);
  b.submit();
  let known: { pid: Pid; pidfd: number } | undefined;
  if (answers(middle, puppet)) {
    middle.batch().run();
    if (forked.value > 0) known = copyOf(pid, before);
    middle.batch().call('exit', 0);
    middle.batch().submit();
  }
  b.run();
  if (!known) return undefined;
  const copy = new Snapshot(new Puppet(copyRing, known.pid, puppet.patience), known.pidfd);
  // Descriptors of the process must not be held open by its copy.
  const keep = [...keepFds].sort((x, y) => x - y);
  let from = 0;
  const c = copy.puppet.batch();
  for (const fd of keep) {
    if (fd > from) c.call('close_range', from, fd - 1, 0);
    from = fd + 1;
  }
  c.call('close_range', from, 0xffffffff, 0);
  c.submit();
  return copy;
}

/** Waits for the intermediate; false when the process answers instead: it was refused the fork. */
function answers(middle: Puppet, process: Puppet): boolean {
  for (let since = nowMs(); !middle.ring.wait(1);) {
    if (process.ring.wait(0)) return middle.ring.wait(0);
    checkInterrupts();
    const now = nowMs();
    process.patience.spend(now - since, process.tid);
    since = now;
  }
  return true;
}

/**
 * The copy, by the kernel's word: the intermediate, its only parent, waits and cannot be waited for, so no number is
 * anybody else's. Undefined when it is not clear who it is.
 */
function copyOf(pid: Pid, before: ReadonlySet<number>): { pid: Pid; pidfd: number } | undefined {
  const [middle, ...others] = readChildren(pid).filter((child) => !before.has(child));
  if (middle === undefined || others.length > 0) return undefined;
  const [copy, ...more] = readChildren(middle);
  if (copy === undefined || more.length > 0) return undefined;
  const pidfd = openPidfd(copy);
  if (readChildren(middle)[0] === copy) return { pid: copy, pidfd };
  closeSync(pidfd);
  return undefined;
}
