import { CritError } from '../image/errors.js';
import type { Log } from '../image/log.js';
import type { Pid } from '../image/pid.js';
import { SYSCALLS } from '../arch/index.js';
import { CLONE_VFORK } from '../kernel/uapi/clone.js';
import { ProcGone } from '../kernel/proc/proc-file.js';
import * as P from '../kernel/uapi/ptrace.js';
import { readSyscall } from '../kernel/proc/scalar-files.js';
import { readStat, type ProcStat } from '../kernel/proc/stat-file.js';
import { readStatus } from '../kernel/proc/status.js';
import { readThreadChildren, readThreads } from '../kernel/proc/tasks.js';
import { SysError, sysRaw } from '../native/sys.js';
import type { Freezer } from './freezer.js';
import { cannotStop, deadLeader, tracedThread } from './refuse-thread.js';
import { refusals } from './target.js';
import { TaskDied } from '../task/remote-error.js';
import { isDead, Tracee, type Stop } from '../task/tracee.js';
import { systemWords } from '../image/system-words.js';
import { ERRNO } from '../kernel/uapi/errno.js';
import { PF_IO_WORKER, PF_KTHREAD } from '../kernel/uapi/sched.js';
import { SIGTRAP } from '../kernel/uapi/signal.js';
import { giveWay, waitUntil } from '../task/wait.js';
import { endTasks } from './end-tasks.js';

/** After so many looks at a thread, whether it lives at all: a killed leader is reported after its threads. */
const CHECK_ROUNDS = 256;
/** TRACESYSGOOD marks syscall stops; a filtered task must not filter crit's calls. */
const OPTIONS = P.PTRACE_O_TRACESYSGOOD | P.PTRACE_O_SUSPEND_SECCOMP;

/** A process of the frozen tree: all its threads stand in a trap, leader first. A zombie has none. */
export interface FrozenTask {
  pid: Pid;
  ppid: Pid;
  stat: ProcStat;
  threads: Tracee[];
  zombie: boolean;
  /** The signal of a job-control stop that the process was in, or 0. */
  stopSignal: number;
}

/** A tree all of whose threads are stopped under crit's ptrace; `release` lets them go as they were. */
export class FrozenTree {
  readonly tasks: FrozenTask[] = [];
  readonly #log: Log;
  readonly #deadline: number;
  readonly #seized = new Set<number>();
  /** Seized, and not waited for yet. */
  readonly #ahead = new Map<number, Tracee>();
  #released = false;

  private constructor(log: Log, timeoutSec: number) {
    this.#log = log;
    this.#deadline = timeoutSec > 0 ? Date.now() + timeoutSec * 1000 : Infinity;
  }

  /**
   * Seizes and stops a process and all its descendants. On failure everything runs again.
   * @param freezer stops them while they are seized @throws CritError
   */
  static freeze(root: number, log: Log, timeoutSec: number, freezer?: Freezer): FrozenTree {
    const tree = new FrozenTree(log, timeoutSec);
    try {
      if (freezer) {
        freezer.freeze(timeoutSec);
        tree.#seizeAhead(root);
        freezer.thaw();
      }
      tree.#freeze(root);
    } catch (error) {
      tree.release();
      throw error;
    }
    return tree;
  }

  /** The processes that are not zombies. */
  get alive(): FrozenTask[] {
    return this.tasks.filter((task) => !task.zombie);
  }

  /** Nothing is held any more. */
  get released(): boolean {
    return this.#released;
  }

  /** Seizes all that is there, without waiting for any: in a frozen control group of version 1 nothing stops. */
  #seizeAhead(root: number): void {
    const pids = [root];
    for (let pid = pids.pop(); pid !== undefined; pid = pids.pop()) {
      if (pid === process.pid) continue;
      for (const tid of threadsOf(pid)) {
        const thread = this.#seize(tid, pid);
        if (thread) this.#ahead.set(tid, thread);
        pids.push(...unlessGone([], () => readThreadChildren(pid, tid)));
      }
    }
  }

  #freeze(root: number): void {
    this.#task(root);
    // A task that was seized late may have forked meanwhile: look again until nothing new shows up.
    for (let i = 0; i < this.tasks.length; i++) this.#children(this.tasks[i]!);
    for (let grew = this.tasks.length > 1; grew;) {
      grew = false;
      for (const task of [...this.tasks]) grew = this.#children(task) || grew;
    }
    this.#orderTree(root);
  }

  /** Depth-first, children by pid, as CRIU writes pstree.img. */
  #orderTree(root: number): void {
    const byParent = groupBy(this.tasks);
    const ordered: FrozenTask[] = [];
    const visit = (task: FrozenTask) => {
      ordered.push(task);
      for (const child of (byParent.get(task.pid) ?? []).sort((a, b) => a.pid - b.pid)) visit(child);
    };
    visit(this.tasks.find((t) => t.pid === root)!);
    this.tasks.splice(0, this.tasks.length, ...ordered);
  }

  #children(task: FrozenTask): boolean {
    if (task.zombie) return false;
    let grew = false;
    for (const thread of task.threads) {
      for (const pid of unlessGone([], () => readThreadChildren(task.pid, thread.tid))) {
        if (this.tasks.some((t) => t.pid === pid)) continue;
        this.#task(pid);
        // One that has ended since may have hidden another (proc_tid_children(5)): the list is read again.
        grew = true;
      }
    }
    return grew;
  }

  /** @returns false when the process vanished before it could be seized */
  #task(pid: number): boolean {
    const isRoot = this.tasks.length === 0;
    const stat = unlessGone(undefined, () => readStat(pid));
    if (!stat) {
      if (!isRoot) return false;
      throw refusals.noProcess(pid);
    }
    if (pid === process.pid) throw refusals.crit(pid);
    if (stat.flags & PF_KTHREAD) throw refusals.kernelThread(pid, stat.comm);
    if (stat.state === 'Z' || stat.state === 'X') {
      refuseDeadLeader(stat);
      if (isRoot) throw refusals.zombie(pid, stat.comm);
      this.tasks.push({ pid, ppid: stat.ppid, stat, threads: [], zombie: true, stopSignal: 0 });
      return true;
    }
    const task: FrozenTask = { pid, ppid: stat.ppid, stat, threads: [], zombie: false, stopSignal: 0 };
    // Threads may be created while others are not stopped yet.
    for (let grew = true; grew;) {
      grew = false;
      for (const tid of threadsOf(pid)) {
        const ahead = this.#ahead.get(tid);
        if (!ahead && this.#seized.has(tid)) continue;
        const thread = ahead ?? this.#seize(tid, pid);
        if (!thread) continue;
        this.#ahead.delete(tid);
        task.threads.push(thread);
        grew = true;
      }
      // stops all that are new before the list is read again
      for (const thread of task.threads.filter((t) => !this.#stopped.has(t.tid))) {
        const stop = this.#stop(thread);
        if (!stop) {
          task.threads.splice(task.threads.indexOf(thread), 1);
          continue;
        }
        this.#stopped.add(thread.tid);
        if (stop.signal !== SIGTRAP) task.stopSignal = stop.signal;
      }
    }
    if (task.threads.length === 0) {
      if (isRoot) throw refusals.justEnded(pid);
      return this.#task(pid);
    }
    task.threads.sort((a, b) => Number(b.tid === pid) - Number(a.tid === pid) || a.tid - b.tid);
    task.stat = readStat(pid);
    this.tasks.push(task);
    return true;
  }
  readonly #stopped = new Set<number>();

  #seize(tid: number, pid: number): Tracee | undefined {
    if (tid !== pid && isWorker(pid, tid)) return undefined;
    try {
      const tracee = Tracee.seize(tid, OPTIONS);
      this.#seized.add(tid);
      tracee.interrupt();
      return tracee;
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      if (error.errno === ERRNO.ESRCH) return undefined;
      const status = unlessGone(undefined, () => readStatus(tid));
      if (!status) return undefined;
      const { tracerPid: tracer, state } = status;
      if (state.startsWith('Z') || state.startsWith('X')) return undefined;
      if (tracer) throw tracedThread(pid, tid, tracer, error);
      throw new CritError(`cannot attach to task ${tid} of process ${pid}: ${systemWords(error.code)}`, {
        code: error.code,
        cause: error,
      });
    }
  }

  /** Waits for a thread's trap. @returns undefined when it ended instead */
  #stop(thread: Tracee): Stop | undefined {
    for (let round = 0; ; round++) {
      let stop: Stop | undefined;
      try {
        stop = thread.poll();
      } catch (error) {
        if (!(error instanceof TaskDied)) throw error;
        this.#seized.delete(thread.tid);
        return undefined;
      }
      if (stop?.event === P.PTRACE_EVENT_STOP) return stop;
      if (stop) {
        thread.cont(stop.event === 0 && !stop.syscall ? stop.signal : 0);
        continue;
      }
      if (Date.now() > this.#deadline) throw cannotStop(thread.tid, stateOf(thread.tid), waitsForVfork(thread.tid));
      if (round % CHECK_ROUNDS === CHECK_ROUNDS - 1 && isDead(thread.tid)) return undefined;
      giveWay(round);
    }
  }

  /** Detaches from every thread; stopped jobs stay stopped. With `kill`, the processes are ended instead. */
  release(kill = false): void {
    const pids = this.tasks.flatMap(({ zombie, pid }) => (zombie ? [] : [pid]));
    // leaders last: one that has been killed is reported only when its threads have been waited for
    const tids = [...this.#seized].reverse();
    this.#seized.clear();
    this.#released = true;
    if (kill) {
      endTasks(pids, tids);
      return;
    }
    for (const tid of tids)
      try {
        new Tracee(tid).detach();
      } catch (error) {
        this.#log.warn(`task ${tid} was not released: ${(error as Error).message}`);
      }
  }

  /** Detaches and leaves every process stopped (--leave-stopped). */
  leaveStopped(): void {
    for (const task of this.tasks) if (!task.zombie) sysRaw('kill', task.pid, 19);
    this.release();
  }
}

/** A thread of the kernel's that works for an io_uring of the process: it runs no program, and comes back when it is needed. */
function isWorker(pid: number, tid: number): boolean {
  return unlessGone(false, () => (readStat(pid, tid).flags & PF_IO_WORKER) !== 0);
}

/** How long the threads of a process that is being killed may outlive its leader, ms. */
const DEATH_MS = 500;

/** A leader that has ended while other threads run on looks like a zombie, and is none. @throws CritError UNSUPPORTED */
function refuseDeadLeader({ pid, comm }: ProcStat): void {
  if (!waitUntil(() => threadsOf(pid).length <= 1, DEATH_MS, 1)) throw deadLeader(pid, comm);
}

function groupBy(tasks: readonly FrozenTask[]): Map<number, FrozenTask[]> {
  const map = new Map<number, FrozenTask[]>();
  for (const task of tasks) map.set(task.ppid, [...(map.get(task.ppid) ?? []), task]);
  return map;
}

function threadsOf(pid: number): number[] {
  return unlessGone([], () => readThreads(pid));
}

/** What is read of a process that may have ended. Any other error fails the dump: nothing is left out in silence. */
function unlessGone<T>(gone: T, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof ProcGone) return gone;
    throw error;
  }
}

/** A parent of vfork(2) cannot be stopped before its child calls execve or exits (linux/sched.h, CLONE_VFORK). */
export function waitsForVfork(tid: number): boolean {
  try {
    const call = readSyscall(tid);
    if (call === 'running') return false;
    const { nr, args } = call;
    return nr === SYSCALLS.vfork || (nr === SYSCALLS.clone && (Number(args[0]) & CLONE_VFORK) !== 0);
  } catch {
    return false; // only words of a message depend on it
  }
}

function stateOf(tid: number): string {
  try {
    return readStatus(tid).state;
  } catch {
    return 'gone';
  }
}
