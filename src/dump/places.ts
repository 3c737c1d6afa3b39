import { CritError } from '../image/errors.js';
import { seenByTask, type Pid } from '../image/pid.js';
import { KCMP_FS } from '../kernel/uapi/kcmp.js';
import { sys } from '../native/sys.js';
import { FIRST_ID, type DumpContext, type DumpTask } from './context.js';
import { KernelOrder, sameObject } from './files/kernel-order.js';
import type { LinkedFiles } from './files/linked-files.js';
import { attempt, type Resource } from './resource.js';

/** The ids of a process's directories in files.img; processes may share them (CLONE_FS). */
interface Place {
  readonly id: number;
  readonly pid: Pid;
  cwd: number;
  root: number;
}

/** Where processes stand in file systems: current directory, root, umask. 2 links each. */
export class Places implements Resource {
  readonly name = 'directories';
  readonly #ctx: DumpContext;
  readonly #linked: LinkedFiles;
  readonly #places = new Map<Pid, Place>();
  readonly #order = new KernelOrder<Place>(sameObject(KCMP_FS));

  constructor(ctx: DumpContext, linked: LinkedFiles) {
    this.#ctx = ctx;
    this.#linked = linked;
  }

  look(task: DumpTask): void {
    const { pid } = task;
    attempt(this.#ctx.refuse, () => {
      refuseOwnPlaces(task);
    });
    const found: Place = { id: FIRST_ID + new Set(this.#places.values()).size, pid, cwd: 0, root: 0 };
    const known = this.#order.findOrAdd(found);
    const place = known ?? found;
    this.#places.set(pid, place);
    if (!known) {
      place.cwd = this.#linked.of(`/proc/${pid}/cwd`, `process ${pid}, current directory`).id;
      place.root = this.#linked.of(`/proc/${pid}/root`, `process ${pid}, root directory`).id;
    }
    const { umask } = task.status;
    this.#ctx.write('FS', seenByTask(pid), [
      { message: { cwd_id: place.cwd, root_id: place.root, ...(umask === undefined ? {} : { umask }) } },
    ]);
  }

  /** ids.img's number of what a process shares with others. */
  idOf(pid: Pid): number {
    return this.#places.get(pid)!.id;
  }
}

/** What only one thread of a process has cannot be told in the images. */
function refuseOwnPlaces({ pid, tids }: DumpTask): void {
  for (const tid of tids.slice(1))
    if (sys('kcmp', pid, tid, KCMP_FS, 0, 0) > 0)
      throw new CritError(
        `process ${pid}, thread ${tid}: it has a current directory, root and umask of its own: not supported`,
        { code: 'UNSUPPORTED' },
      );
}
