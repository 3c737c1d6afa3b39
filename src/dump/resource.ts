import type { Messages } from '../image/generated/messages.js';
import type { ProcStat } from '../kernel/proc/stat-file.js';
import type { Pid } from '../image/pid.js';
import type { Batch } from '../task/batch.js';
import type { DumpContext, DumpTask } from './context.js';

/** A process as it is seen from outside. */
export interface TaskView {
  readonly pid: Pid;
  readonly ppid: Pid;
  readonly stat: ProcStat;
  /** Of a zombie, none. */
  readonly threads: readonly { readonly tid: Pid }[];
  readonly zombie: boolean;
}

/** The processes of a tree: of one that stands, or, in a survey, of one that runs. Parents come before their children. */
export interface TreeView {
  readonly tasks: readonly TaskView[];
  /** Those that are not zombies. */
  readonly alive: readonly TaskView[];
}

/**
 * One thing that is dumped: descriptors, memory, credentials, ... It is made once for each dump, and keeps what it learns
 * in itself. A new one is one file, and a row in resources.ts (a kind of file: in files/kinds.ts).
 *
 * The hooks run in this order; each of them for all resources, in the order of their table. What is refused goes to
 * `ctx.refuse`: a dump throws it, a survey collects it. A survey has `check`, `look` and `known` alone.
 */
export interface Resource extends Partial<Disposable> {
  /** For people and errors: "memory", "descriptors". */
  readonly name: string;
  /** Looks at the tree as a whole, from outside; nothing of it is touched yet. */
  check?(tree: TreeView): void;
  /** Asks about a process from outside: /proc, pidfd_getfd(2). Its memory is not copied before all this is done. */
  look?(task: DumpTask): void;
  /** Every process was looked at. */
  known?(): void;
  /**
   * Adds questions to a batch that the process runs: one for all resources.
   * @returns reads the answers when the batch was run
   */
  ask?(task: DumpTask, b: Batch): (() => void) | undefined;
  /** The end of the stop: for what is large, or gone when the tree runs again. */
  last?(): void;
  /** Writes what can be written when the tree runs again. */
  write?(): void;
  /** What inventory.img says of it. */
  inventory?(): Partial<Messages['inventory_entry']>;
  /** The images are complete, and the processes are to end now; who must be in control of their last moments is. */
  end?(pids: readonly Pid[]): void;
  /** The dump is complete, its images have their names. */
  kept?(): void;
  /** The dump failed: what processes were told to do is waited for. Must not fail. */
  abandon?(): void;
}

/** Makes a resource that needs no other one. */
export type MakeResource = (ctx: DumpContext) => Resource;

/** Does something that may be refused. */
export function attempt(refuse: (obstacle: unknown) => void, work: () => void): void {
  try {
    work();
  } catch (error) {
    refuse(error);
  }
}
