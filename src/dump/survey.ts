import { CritError } from '../image/errors.js';
import { QUIET } from '../image/log.js';
import type { Pid } from '../image/pid.js';
import { Stats } from '../image/stats.js';
import { readMaps, type MapEntry } from '../kernel/proc/maps.js';
import { ProcGone } from '../kernel/proc/proc-file.js';
import { readStat, type ProcStat } from '../kernel/proc/stat-file.js';
import { readStatus, type ProcStatus } from '../kernel/proc/status.js';
import { readChildren, readThreads } from '../kernel/proc/tasks.js';
import { PF_IO_WORKER } from '../kernel/uapi/sched.js';
import { SysError } from '../native/sys.js';
import { ownRoot } from '../task/lookup-root.js';
import type { DumpContext, DumpOptions, DumpTask } from './context.js';
import { waitsForVfork } from './freeze.js';
import { Nowhere } from './image-sink.js';
import { LookedAhead } from './look-ahead.js';
import { cannotStop, deadLeader, refusedByStatus, refusedProgram, tracedThread } from './refuse-thread.js';
import { attempt, type Resource } from './resource.js';
import { Resources } from './resources.js';
import { checkTarget, refuseOwnTree } from './target.js';

/** A process as it is seen while it runs. */
interface Seen {
  readonly pid: Pid;
  readonly ppid: Pid;
  readonly stat: ProcStat;
  readonly threads: readonly { readonly tid: Pid }[];
  readonly zombie: boolean;
}

/** Something can be told only when the process stands still. */
class NotStopped extends Error {}

const notStopped = (): never => {
  throw new NotStopped();
};

/** What the resources of a dump are given of a process that runs: what a puppet would answer, nobody does. */
class RunningTask implements DumpTask {
  readonly pid: Pid;
  readonly tids: readonly Pid[];
  readonly status: ProcStatus;
  readonly restricted = false;
  readonly frozen: DumpTask['frozen'];
  readonly peeked = [];
  readonly threads = [];
  readonly maps: readonly MapEntry[];

  constructor(seen: Seen) {
    this.pid = seen.pid;
    this.tids = seen.threads.map(({ tid }) => tid);
    this.status = readStatus(seen.pid);
    this.maps = readMaps(seen.pid);
    this.frozen = { pid: seen.pid, ppid: seen.ppid, stat: seen.stat, threads: [], zombie: false, stopSignal: 0 };
  }
  get borrowed(): never {
    return notStopped();
  }
  get puppet(): never {
    return notStopped();
  }
  batch(): never {
    return notStopped();
  }
}

/** What went away while it was looked at, or may not be looked at here, is no obstacle that is known. */
const GONE: ReadonlySet<string> = new Set(['PROC_GONE', 'KCMP', 'ESRCH', 'ENOENT', 'EBADF', 'EACCES', 'EPERM']);

/**
 * Finds what a dump would refuse, all of it at once, without stopping anything: by the dump's own checks, as far as they
 * can be made from outside. What only the stopped process itself could tell is not found (its local descriptor table,
 * what waits in queues of sockets, dispatched system calls).
 * @returns the obstacles in the order of the tree; none when a dump may well succeed
 */
export function survey(options: DumpOptions): CritError[] {
  const found: CritError[] = [];
  const refuse = (error: unknown): void => {
    if (error instanceof NotStopped || error instanceof ProcGone) return;
    if (!(error instanceof CritError)) throw error;
    if ((error instanceof SysError || GONE.has(error.code)) && GONE.has(error.code)) return;
    if (!found.some(({ message }) => message === error.message)) found.push(error);
  };
  attempt(refuse, () => {
    refuseOwnTree(options.pid);
  });
  attempt(refuse, () => {
    checkTarget(options.pid);
  });
  const tasks = walk(options.pid);
  if (tasks.length === 0 || tasks[0]!.zombie) return found;
  const alive = tasks.filter(({ zombie }) => !zombie);
  const ctx: DumpContext = {
    options,
    log: QUIET,
    tasks: [],
    stats: new Stats(),
    lookupRoot: ownRoot,
    running: true,
    refuse,
    images: new Nowhere(),
    write: () => undefined,
  };
  using ahead = new LookedAhead();
  using resources = new Resources(ctx, ahead);
  const each = (act: (resource: Resource) => void): void => {
    resources.each((resource) => {
      attempt(refuse, () => {
        act(resource);
      });
    });
  };
  each((resource) => resource.check?.({ tasks, alive }));
  for (const task of alive) for (const { tid } of task.threads) attempt(refuse, () => thread(task, tid, refuse));
  for (const seen of alive)
    attempt(refuse, () => {
      const task = new RunningTask(seen);
      each((resource) => resource.look?.(task));
    });
  each((resource) => resource.known?.());
  return found;
}

/** The tree, depth first, children by pid. */
function walk(root: number): Seen[] {
  const tasks: Seen[] = [];
  const met = new Set<number>();
  const waiting = [root];
  for (let pid; (pid = waiting.pop()) !== undefined;) {
    if (met.has(pid)) continue;
    met.add(pid);
    try {
      const stat = readStat(pid);
      const threads = readThreads(pid)
        .filter((tid) => tid === pid || !(readStat(pid, tid).flags & PF_IO_WORKER))
        .map((tid) => ({ tid }));
      const ended = stat.state === 'Z' || stat.state === 'X';
      const zombie = ended && threads.length <= 1;
      tasks.push({ pid, ppid: stat.ppid, stat, threads: zombie ? [] : threads, zombie });
      if (!zombie) waiting.push(...readChildren(pid).reverse());
    } catch (error) {
      if (!(error instanceof ProcGone)) throw error;
    }
  }
  return tasks;
}

function thread({ pid, stat }: Seen, tid: number, refuse: (error: unknown) => void): void {
  const status = readStatus(pid, tid);
  if (tid === pid && (stat.state === 'Z' || stat.state === 'X')) {
    refuse(deadLeader(pid, stat.comm));
    return;
  }
  if (status.tracerPid !== 0) refuse(tracedThread(pid, tid, status.tracerPid));
  if (status.state === 'D' && waitsForVfork(tid)) refuse(cannotStop(tid, status.state, true));
  for (const refused of refusedByStatus(pid, tid, status)) refuse(refused);
  if (tid !== pid) return;
  try {
    for (const refused of refusedProgram(pid, stat.comm)) refuse(refused);
  } catch {
    // its program cannot be read: the dump will tell
  }
}
