import { existsSync } from 'node:fs';
import * as P from '../kernel/uapi/ptrace.js';
import { CritError } from '../image/errors.js';
import { seenByCrit, type ImagePid } from '../image/pid.js';
import { SIGCHLD } from '../kernel/uapi/signal.js';
import type { Batch, Ref } from '../task/batch.js';
import { Puppet } from '../task/puppet.js';
import { RemoteError, TaskDied } from '../task/remote-error.js';
import { cannotStart, isHeld, pidInUse } from '../task/stub.js';
import { isDead, Tracee } from '../task/tracee.js';
import * as L from '../task/generated/layout.js';
import type { Ring } from '../task/ring.js';
import type { Birth, GroupHelper } from '../image/process-tree.js';
import { CLONE_ARGS_BYTES, CLONE_PARENT, CLONE_THREAD } from '../kernel/uapi/clone.js';
import { PR_SET_CHILD_SUBREAPER } from '../kernel/uapi/prctl.js';
import { ERRNO } from '../kernel/uapi/errno.js';
import { __WALL } from '../kernel/uapi/wait.js';
import { sleep } from '../task/wait.js';
import type { Rings } from './rings.js';

const PID_WAIT_MS = 3000;
/** PTRACE_O_EXITKILL: should crit die, nothing half restored stays. */
export const TRACE_OPTIONS = P.PTRACE_O_EXITKILL | P.PTRACE_O_TRACESYSGOOD | P.PTRACE_O_SUSPEND_SECCOMP;
/** The same for a tree that is whole. */
export const AFTER_COMMIT = P.PTRACE_O_TRACESYSGOOD | P.PTRACE_O_SUSPEND_SECCOMP;

/** Makes one puppet fork another (or a thread of its own) with a chosen pid. 1 batch and 1 ptrace call. */
export function fork(from: Puppet, ring: Ring, pid: ImagePid, flags: number, exitSignal: number = SIGCHLD): Puppet {
  const until = Date.now() + PID_WAIT_MS;
  for (;;) {
    const b = from.batch();
    const made = addClone(b, ring, pid, flags, exitSignal);
    b.run();
    if (made.value === -ERRNO.EEXIST && Date.now() < until && !isHeld(seenByCrit(pid))) {
      sleep(5);
      continue;
    }
    return cloned(made.value, from, ring, pid, flags);
  }
}

/** Adds a clone with a number of our choice, whose child begins in a ring of its own. */
function addClone(b: Batch, ring: Ring, pid: ImagePid, flags: number, exitSignal: number): Ref {
  // a ring may have had a puppet before, which left without an answer
  ring.reset();
  ring.onDeath(L.DEATH_EXIT);
  b.reserve(1, CLONE_ARGS_BYTES + 64);
  const tid = b.bytes(new Uint8Array(Int32Array.of(pid).buffer));
  const args = new BigUint64Array(CLONE_ARGS_BYTES / 8);
  args[0] = BigInt(flags);
  // a sibling has the one of its forker
  args[4] = flags & (CLONE_THREAD | CLONE_PARENT) ? 0n : BigInt(exitSignal);
  args[5] = BigInt(ring.stackBase);
  args[6] = BigInt(L.PUPPET_STACK_SIZE);
  args[8] = BigInt(tid.address);
  args[9] = 1n;
  return b.tryCall('clone', new Uint8Array(args.buffer), CLONE_ARGS_BYTES, ring.address);
}

/** Takes the child of a clone over. @throws CritError PID_IN_USE, PID_TOO_LARGE */
function cloned(result: number, from: Puppet, ring: Ring, pid: ImagePid, flags: number): Puppet {
  const tid = seenByCrit(pid);
  if (result === -ERRNO.EEXIST) throw pidInUse(tid);
  if (result === -ERRNO.EINVAL && !(flags & CLONE_THREAD)) throw cannotStart(pid, ERRNO.EINVAL);
  if (result < 0)
    throw new RemoteError(from.tid, 'clone3', [`flags 0x${flags.toString(16)}`, `set_tid ${pid}`], -result, 'forking');
  try {
    return new Puppet(ring, tid, from.patience, Tracee.seize(tid, TRACE_OPTIONS));
  } catch (error) {
    throw isDead(tid) ? new TaskDied(tid, 'was killed while it was being restored', error) : error;
  }
}

/** A number that no task of the tree wants and nobody has. */
export class FreePids {
  readonly #wanted: ReadonlySet<ImagePid>;
  #next: number;
  constructor(wanted: ReadonlySet<ImagePid>) {
    this.#wanted = wanted;
    this.#next = Math.max(...wanted) + 1;
  }
  take(): ImagePid {
    for (let tries = 0; tries < 100_000; tries++) {
      const pid: ImagePid = this.#next++;
      if (this.#next > 4_000_000) this.#next = 300;
      if (!this.#wanted.has(pid) && !existsSync(`/proc/${seenByCrit(pid)}`)) return pid;
    }
    throw new CritError('no free pid for a helper task', { code: 'NO_PID' });
  }
}

export interface BirthHooks {
  /** Clone flags by what a task shares with its forker (tables, file-system context). */
  shareFlags(child: Birth): number;
  /** What the parent hears when the child ends. */
  exitSignal(child: Birth): number;
  subreaper(birth: Birth): boolean;
}

/** What is done while processes come into being. */
interface Raising {
  readonly born: (birth: Birth, puppet: Puppet) => void;
  readonly leads: (birth: Birth, puppet: Puppet) => void;
}

/** A child that is being forked. */
interface Clone {
  birth: Birth;
  forker: Puppet;
  ring: Ring;
  pid: ImagePid;
  flags: number;
  exitSignal: number;
  made: Ref;
}

/** So many children are forked while the ones before them are raised. */
const AT_A_TIME = 16;

/** Everybody who was born, and how the helpers end. */
export class Family {
  readonly puppets = new Map<Birth, Puppet>();
  readonly #rings: Rings;
  readonly #pids: FreePids;
  readonly #hooks: BirthHooks;
  readonly #helpers: { puppet: Puppet; parent: Birth }[] = [];
  readonly #groupHelpers: { puppet: Puppet; owner: Puppet }[] = [];

  constructor(rings: Rings, pids: FreePids, hooks: BirthHooks) {
    this.#rings = rings;
    this.#pids = pids;
    this.#hooks = hooks;
  }

  /**
   * Lets a task that exists fork its children, recursively; sessions are begun in between.
   * @param at `born` is called as soon as a task is there, before it forks; `leads` when one has begun a session
   */
  raise(birth: Birth, puppet: Puppet, at: Raising): void {
    this.puppets.set(birth, puppet);
    if (this.#hooks.subreaper(birth)) puppet.batch().call('prctl', PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    if (!birth.helper) at.born(birth, puppet);
    this.#bear(birth.before, at);
    if (birth.setsid) {
      puppet.batch().call('setsid');
      at.leads(birth, puppet);
    }
    puppet.batch().submit();
    this.#bear(birth.after, at);
    if (birth.adopted) this.#end(puppet, this.puppets.get(birth.forker!)!);
    else if (birth.helper) this.#helpers.push({ puppet, parent: birth.forker! });
  }

  /** Forks children, some at a time: while the next ones are being forked, those that are there are raised. */
  #bear(children: readonly Birth[], at: Raising): void {
    let forking: Clone[] = [];
    try {
      for (let next = 0; next < children.length || forking.length > 0; next += AT_A_TIME) {
        const there = this.#adopt(forking.splice(0));
        forking = children.slice(next, next + AT_A_TIME).map((birth) => this.#clone(birth));
        for (const { forker } of forking) forker.batch().submit();
        for (const [birth, puppet] of there) this.raise(birth, puppet, at);
      }
    } catch (error) {
      // They must be known, or nobody would end them.
      try {
        this.#adopt(forking);
      } catch {
        // the first error counts
      }
      throw error;
    }
  }

  #clone(birth: Birth): Clone {
    const forker = this.puppets.get(birth.forker!)!;
    const ring = this.#rings.of(birth);
    const flags = this.#hooks.shareFlags(birth) | (birth.cloneParent ? CLONE_PARENT : 0);
    const pid = birth.task.pid || this.#pids.take();
    const exitSignal = this.#hooks.exitSignal(birth);
    const made = addClone(forker.batch(), ring, pid, flags, exitSignal);
    return { birth, forker, ring, pid, flags, exitSignal, made };
  }

  #adopt(clones: readonly Clone[]): [Birth, Puppet][] {
    for (const { forker } of clones) forker.batch().run();
    const taken: Clone[] = [];
    let failure: unknown;
    const adopt = (clone: Clone, make: () => Puppet): void => {
      try {
        this.puppets.set(clone.birth, make());
      } catch (error) {
        failure ??= error;
      }
    };
    for (const clone of clones) {
      const { made, forker, ring, pid, flags } = clone;
      if (made.value === -ERRNO.EEXIST) taken.push(clone);
      else adopt(clone, () => cloned(made.value, forker, ring, pid, flags));
    }
    // numbers that a dying process still has
    for (const clone of taken)
      adopt(clone, () => fork(clone.forker, clone.ring, clone.pid, clone.flags, clone.exitSignal));
    if (failure !== undefined) throw failure as Error;
    return clones.map(({ birth }) => [birth, this.puppets.get(birth)!]);
  }

  /** A puppet ends and its parent reaps it. */
  #end(puppet: Puppet, parent: Puppet): void {
    puppet.tracee!.detachRunning();
    puppet.batch().call('exit_group', 0);
    puppet.batch().submit();
    parent.must('wait4', puppet.tid, null, __WALL, null);
  }

  /** Puts every task into its process group; where a leader is dead, a helper stands in. */
  setGroups(order: readonly Birth[], helpers: readonly GroupHelper[], inherits: (birth: Birth) => boolean): void {
    const tasks = order.filter((birth) => !birth.adopted);
    const batchOf = (birth: Birth) => this.puppets.get(birth)!.batch();
    for (const birth of tasks) {
      if (birth.task.pgid === birth.task.pid && !birth.setsid && !inherits(birth)) batchOf(birth).call('setpgid', 0, 0);
      batchOf(birth).submit();
    }
    for (const birth of tasks) batchOf(birth).run();
    for (const helper of helpers) {
      const { pgid, owner } = helper;
      const parent = this.puppets.get(order.find((birth) => birth.task === owner)!)!;
      const puppet = fork(parent, this.#rings.of(helper), pgid, 0);
      puppet.must('setpgid', 0, 0);
      this.#groupHelpers.push({ puppet, owner: parent });
    }
    for (const birth of tasks) {
      const { pid, pgid } = birth.task;
      if (pgid === pid || birth.helper || inherits(birth)) continue;
      using _doing = batchOf(birth).doing(`joining process group ${pgid}`);
      batchOf(birth).call('setpgid', 0, pgid);
    }
    // A helper's group lasts until it ends; any other can wait for what its members are told next.
    if (helpers.length === 0) return;
    for (const birth of tasks) batchOf(birth).submit();
    for (const birth of tasks) batchOf(birth).run();
  }

  /** The helpers' end. */
  endHelpers(): void {
    for (const { puppet, owner } of this.#groupHelpers) this.#end(puppet, owner);
    for (const { puppet, parent } of this.#helpers.reverse()) this.#end(puppet, this.puppets.get(parent)!);
  }
}
