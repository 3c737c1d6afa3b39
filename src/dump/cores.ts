import type { Messages } from '../image/generated/messages.js';
import { seenByTask, type Pid } from '../image/pid.js';
import type { Batch } from '../task/batch.js';
import type { Cgroups } from './cgroups.js';
import type { DumpContext, DumpTask } from './context.js';
import { askTask, buildCores, zombieCore } from './core.js';
import type { StandIns } from './landlock.js';
import type { Resource, TreeView } from './resource.js';
import type { Seccomp } from './seccomp.js';
import { askToldStops } from './told-stops.js';

/** What processes and threads are (core-*.img): registers, credentials, signals, timers, scheduling, limits. */
export class Cores implements Resource {
  readonly name = 'processes and threads';
  readonly #ctx: DumpContext;
  readonly #cgroups: Cgroups;
  readonly #seccomp: Seccomp;
  readonly #standIns: StandIns;
  #tree: TreeView | undefined;
  /** Stopped processes whose parents have waited for the stop. */
  readonly #told = new Set<Pid>();
  /** By thread id. */
  readonly #cores = new Map<Pid, Messages['core_entry']>();

  constructor(ctx: DumpContext, cgroups: Cgroups, seccomp: Seccomp, standIns: StandIns) {
    this.#seccomp = seccomp;
    this.#ctx = ctx;
    this.#cgroups = cgroups;
    this.#standIns = standIns;
  }

  check(tree: TreeView): void {
    this.#tree = tree;
  }

  ask(task: DumpTask, b: Batch): () => void {
    const parts = askTask(task, b, this.#standIns);
    const told = askToldStops(
      this.#ctx.tasks.filter(({ frozen }) => frozen.ppid === task.pid),
      b,
    );
    return () => {
      for (const pid of told()) this.#told.add(pid);
      const cores = buildCores(this.#ctx, this.#cgroups, this.#seccomp, task, parts());
      for (const [i, core] of cores.entries()) this.#cores.set(task.tids[i]!, core);
    };
  }

  /** Nobody may ask for a zombie any more when its parent runs again and can wait for it. */
  last(): void {
    for (const task of this.#tree!.tasks) if (task.zombie) this.#cores.set(task.pid, zombieCore(task));
  }

  write(): void {
    for (const pid of this.#told) this.#cores.get(pid)!.tc!.stop_told = true;
    for (const [tid, message] of this.#cores) this.#ctx.write('CORE', seenByTask(tid), [{ message }]);
  }
}
