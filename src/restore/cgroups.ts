import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { imageFileName } from '../image/catalogue.js';
import { CritError } from '../image/errors.js';
import type { CgroupOptions } from '../image/cgroup-mode.js';
import type { Messages } from '../image/generated/messages.js';
import type { Log } from '../image/log.js';
import type { Pid } from '../image/pid.js';
import { whyFailed } from '../image/system-words.js';
import { cgroupMounts, readCgroups } from '../kernel/proc/cgroup.js';
import { readMountInfo } from '../kernel/proc/mountinfo.js';
import type { ImageDir } from '../encode/image-dir.js';
import { CgroupDirs } from './cgroup-dirs.js';
import { withRoots } from './cgroup-roots.js';
import type { RestoreTask } from './context.js';
import type { Part } from './part.js';
import type { Refuse } from './refuse.js';

type Member = Messages['cg_member_entry'];

/**
 * Puts tasks back into the control groups that they were in, which are made where they are gone (CgroupDirs). A task that
 * was where its dumper was stays where its restorer is.
 */
export class Cgroups {
  readonly #log: Log;
  readonly #tasks: readonly RestoreTask[];
  readonly #sets = new Map<number, readonly Member[]>();
  readonly #own: number | undefined;
  /** In different sets: then a child is not sure to be born where it belongs. */
  readonly #several: boolean;
  readonly #warned = new Set<string>();
  readonly #mountOf: (controllers: string) => string | undefined;
  readonly #dirs: readonly CgroupDirs[];

  constructor(
    images: ImageDir,
    inventory: Messages['inventory_entry'],
    tasks: readonly RestoreTask[],
    options: CgroupOptions,
    log: Log,
    refuse: Refuse,
  ) {
    this.#log = log;
    this.#mountOf = cgroupMounts(readMountInfo(process.pid), options.yard);
    this.#tasks = tasks;
    this.#own = inventory.root_cg_set;
    const entries = (images.messages('CGROUP') ?? []).map((entry) => withRoots(entry, options.roots));
    for (const { sets } of entries) for (const { id, ctls } of sets ?? []) this.#sets.set(id, ctls ?? []);
    this.#dirs = entries.map((entry) => new CgroupDirs(entry, options, this.#mountOf, log, refuse));
    const wanted = new Set<number>();
    for (const task of tasks)
      for (const [i, core] of task.cores.entries()) {
        const id = setOf(task, i);
        if (core.thread_core && id !== undefined) wanted.add(id);
        if (id === undefined || id === this.#own || id === 0) continue;
        const members = this.#sets.get(id);
        if (!members)
          throw new CritError(
            `task ${task.pid} is in the set ${id} of control groups, which ${imageFileName('CGROUP')} has not`,
            {
              code: 'BAD_IMAGE',
            },
          );
        for (const { name, path } of members)
          if (!path.startsWith('/') || path.split('/').includes('..') || path.includes('\0'))
            throw new CritError(
              `${imageFileName('CGROUP')}: ${JSON.stringify(path)} of ${name || 'cgroup2'} is no control group`,
              {
                code: 'BAD_IMAGE',
              },
            );
      }
    this.#several = wanted.size > 1;
  }

  /** Whether a name leads to a control group that is to be made, or to a file in one. */
  makes(name: string): boolean {
    return this.#dirs.some((dirs) => dirs.makes(name));
  }

  /** As a part of the restore. */
  part(): Part {
    return {
      name: 'control groups',
      at: {
        outside: () => {
          for (const dirs of this.#dirs) dirs.make();
        },
        root: ({ task }) => {
          this.#enter(task, true);
        },
        birth: ({ task, from }) => {
          if (from) this.#enter(task, false);
        },
        born: () => {
          for (const task of this.#tasks) if (task.threads.length > 1) this.#enterThreads(task);
        },
        whole: () => {
          for (const dirs of this.#dirs) dirs.limit();
        },
        running: () => {
          for (const dirs of this.#dirs) dirs.freeze();
        },
      },
      planLines: () => this.#dirs.flatMap((dirs) => dirs.planLines()),
      undo: () => {
        for (const dirs of this.#dirs) dirs.undo();
      },
    };
  }

  /** Moves a process that has just been born, alone. */
  #enter(task: RestoreTask, root: boolean): void {
    if (root || this.#several) this.#move(setOf(task, 0), task.puppet!.tid, undefined);
  }

  /** Moves the threads that are elsewhere than their leader (cgroups of version 1; "threaded" ones of version 2). */
  #enterThreads(task: RestoreTask): void {
    const leader = setOf(task, 0);
    task.cores.forEach((_, i) => {
      const set = setOf(task, i);
      if (i > 0 && set !== undefined && set !== leader) this.#move(set, task.puppet!.tid, task.threads[i]!.tid);
    });
  }

  #move(set: number | undefined, pid: Pid, tid: Pid | undefined): void {
    if (set === undefined || set === 0 || set === this.#own) return;
    const now = new Map(readCgroups(pid, tid).map(({ controllers, path }) => [controllers, path]));
    for (const { name, path: wanted } of this.#sets.get(set)!) {
      if (now.get(name) === wanted) continue;
      const mount = this.#mountOf(name);
      const dir = mount === undefined ? undefined : path.join(mount, wanted);
      const who = tid === undefined ? `process ${pid}` : `thread ${tid} of process ${pid}`;
      const stays = (why: string) => {
        const text = `the control group ${wanted} (${name || 'version 2'}) ${why}`;
        const key = `${name} ${wanted}`;
        if (!this.#warned.has(key))
          this.#log.warn(`${who} stays in ${now.get(name) ?? 'none'}: ${text}; its limits do not hold for it`);
        this.#warned.add(key);
      };
      if (dir === undefined) stays('is in a hierarchy that is not mounted');
      else if (!existsSync(dir)) stays('does not exist any more');
      else {
        if (isFrozen(dir))
          throw new CritError(`the control group ${dir} is frozen: thaw it, or use --manage-cgroups=ignore`, {
            code: 'CGROUP',
          });
        const file = tid === undefined ? 'cgroup.procs' : name === '' ? 'cgroup.threads' : 'tasks';
        try {
          writeFileSync(path.join(dir, file), String(tid ?? pid));
        } catch (error) {
          throw new CritError(
            `${who} cannot be put into the control group ${dir}: ${whyFailed(error)} (--manage-cgroups=ignore leaves it in that of crit)`,
            { code: 'CGROUP', cause: error },
          );
        }
      }
    }
  }
}

function setOf(task: RestoreTask, thread: number): number | undefined {
  const core = task.cores[thread];
  return core?.thread_core?.cg_set ?? task.cores[0]?.tc?.cg_set;
}

/** A task in it would stand still before it is restored. */
function isFrozen(dir: string): boolean {
  const says = (file: string, pattern: RegExp) =>
    existsSync(path.join(dir, file)) && pattern.test(readFileSync(path.join(dir, file), 'utf8'));
  return says('freezer.state', /FROZEN|FREEZING/) || says('cgroup.events', /^frozen 1$/m);
}
