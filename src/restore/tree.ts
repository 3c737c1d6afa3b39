import type { Birth } from '../image/process-tree.js';
import type { Stats } from '../image/stats.js';
import { __WALL, WNOHANG } from '../kernel/uapi/wait.js';
import { ERRNO } from '../kernel/uapi/errno.js';
import { CLONE_FILES, CLONE_FS, CLONE_SIGHAND, CLONE_SYSVSEM, CLONE_THREAD, CLONE_VM } from '../kernel/uapi/clone.js';
import { SIGCHLD, SIGKILL } from '../kernel/uapi/signal.js';
import { formatTimeOffsets } from '../kernel/proc/time-namespace.js';
import { sysRaw } from '../native/sys.js';
import { sleep } from '../task/wait.js';
import { Patience } from '../task/patience.js';
import type { Puppet } from '../task/puppet.js';
import { TaskDied } from '../task/remote-error.js';
import { spawnPuppet, type SharedArea, type SpawnOptions } from '../task/stub.js';
import { Family, fork, FreePids } from './births.js';
import { fillCounter } from './fill-counter.js';
import { jobGroup } from './job-group.js';
import type { Assistant } from './fill-memory.js';
import { spawnOrphan } from './orphan.js';
import type { Where } from './part.js';
import { wantedNumbers, type Plan, type Task } from './plan.js';
import { SPARE } from './rings.js';
import { endZombie } from './zombies.js';

const THREAD_FLAGS = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;

/** The processes of a restore, from the first to the last; all of them end again unless it succeeds. */
export class Tree {
  readonly #plan: Plan;
  readonly #stats: Stats;
  readonly #pids: FreePids;
  readonly #family: Family;
  readonly #taskOf: (birth: Birth | undefined) => Task | undefined;
  #root: Puppet | undefined;
  /** The processes that are there, and are no zombies. */
  #present: readonly Task[] = [];

  constructor(plan: Plan, stats: Stats) {
    this.#plan = plan;
    this.#stats = stats;
    this.#pids = new FreePids(wantedNumbers(plan.tasks));
    const byPid = new Map(plan.tasks.map((task) => [task.pid, task]));
    this.#taskOf = (birth) => (birth && !birth.helper ? byPid.get(birth.task.pid) : undefined);
    this.#family = new Family(plan.rings, this.#pids, {
      shareFlags: (birth) => shareFlags(this.#taskOf(birth), this.#taskOf(birth.forker)),
      exitSignal: (birth) => this.#taskOf(birth)?.cores[0]!.tc?.exit_signal ?? SIGCHLD,
      subreaper: (birth) => this.#taskOf(birth)?.cores[0]!.tc?.child_subreaper ?? false,
    });
  }

  get present(): readonly Task[] {
    return this.#present;
  }

  /** Starts the root, alone. */
  start(shared: SharedArea): void {
    const { ctx, root, births, rings, clocks } = this.#plan;
    const { shellJob, sibling, detached } = ctx.options;
    const spawn: SpawnOptions = {
      area: shared,
      ring: rings.of(births.root),
      patience: Patience.ofRestore(),
      setTid: [root.pid],
      keep: shellJob ? [0, 1, 2] : [-1, -1, -1],
      sibling,
      clocks: clocks.offsets && formatTimeOffsets(clocks.offsets),
    };
    // crit's end is not that of the parent whose end the root waits for
    const orphan = detached && !sibling && root.cores.some((core) => core.thread_core?.pdeath_sig);
    this.#root = orphan ? spawnOrphan(spawn, { ring: rings.of(SPARE), pid: this.#pids.take() }) : spawnPuppet(spawn);
    this.#adopt(root, this.#root);
    this.#present = [root];
  }

  #adopt(task: Task, puppet: Puppet): void {
    task.puppet = puppet;
    task.threads = [puppet];
  }

  /**
   * Has all processes born, then brings them into their groups, has zombies end and threads begin.
   * @param at is called for each process that has memory, parents first: `born` before it forks, `leads` when it has begun
   * a session, before it forks those who are born in it
   */
  raise(at: { born: (where: Where['birth']) => void; leads: (where: Where['session']) => void }): void {
    const { births, tasks, ctx } = this.#plan;
    let count = 0;
    const filled = fillCounter(tasks, this.#stats);
    const born = (birth: Birth, puppet: Puppet) => {
      this.#stats.progress('processes restored', count++, births.order.length);
      const task = this.#taskOf(birth)!;
      if (birth !== births.root) this.#adopt(task, puppet);
      if (!task.memory) return;
      at.born({ task, b: puppet.batch(), from: this.#forkerOf(birth), assist: () => this.#assist(puppet), filled });
    };
    const leads = (birth: Birth, puppet: Puppet) => {
      const task = this.#taskOf(birth);
      if (task?.memory) at.leads({ task, b: puppet.batch() });
    };
    this.#family.raise(births.root, this.#root!, { born, leads });
    this.#family.setGroups(births.order, births.groupHelpers, jobGroup(births, this.#root!, ctx.log));
    this.#family.endHelpers();
    for (const task of tasks) if (task.tree.zombie) endZombie(task);
    this.#present = tasks.filter((task) => !task.tree.zombie);
    for (const task of this.#present)
      for (const tid of task.tree.tids.slice(1))
        task.threads.push(fork(task.puppet!, this.#plan.rings.of(tid), tid, THREAD_FLAGS));
  }

  /** Whose memory a fork inherited: its forker's, through helpers that changed nothing. */
  #forkerOf(birth: Birth): Task | undefined {
    for (let at = birth.forker; at; at = at.forker) {
      const task = this.#taskOf(at);
      if (task?.memory) return task;
    }
    return undefined;
  }

  /** A second thread in a puppet, for filling pages; its number is one that nobody wants. */
  #assist(puppet: Puppet): Assistant {
    const thread = fork(puppet, this.#plan.rings.of(SPARE), this.#pids.take(), THREAD_FLAGS);
    return {
      puppet: thread,
      end: () => {
        thread.batch().call('exit', 0);
        thread.batch().submit();
        try {
          for (;;) {
            thread.tracee!.wait();
            thread.tracee!.cont();
          }
        } catch (error) {
          if (!(error instanceof TaskDied)) throw error;
        }
      },
    };
  }

  /** Waits for all, threads too. */
  wait(): void {
    for (const { threads } of this.#present) for (const puppet of threads) puppet.batch().run();
  }

  /** Ends everything that was started, and waits until the pids are free again. */
  undo(): void {
    const all = new Set(this.#family.puppets.values());
    if (this.#root) all.add(this.#root);
    for (const puppet of all) sysRaw('kill', puppet.tid, SIGKILL);
    // As their tracer crit sees the end of every thread; a leader's comes after its threads'.
    for (let i = 0; i < 4000; i++) {
      const r = sysRaw('wait4', -1, null, __WALL | WNOHANG, null);
      if (r === -ERRNO.ECHILD) return;
      if (r === 0) sleep(0.5);
    }
  }
}

function shareFlags(task: Task | undefined, forker: Task | undefined): number {
  if (!task?.ids || !forker?.ids || task.tree.zombie) return 0;
  return (
    (task.ids.files_id !== 0 && task.ids.files_id === forker.ids.files_id ? CLONE_FILES : 0) |
    (task.ids.fs_id !== 0 && task.ids.fs_id === forker.ids.fs_id ? CLONE_FS : 0)
  );
}
