import { ANY_CONTROLLER } from '../image/cgroup-mode.js';
import type { Messages } from '../image/generated/messages.js';
import { cgroupMounts, parseCgroups, readCgroups } from '../kernel/proc/cgroup.js';
import { readMountInfo } from '../kernel/proc/mountinfo.js';
import { O_CLOEXEC, AT_FDCWD } from '../kernel/uapi/open-flags.js';
import { readProcText } from '../kernel/proc/proc-file.js';
import { SysError } from '../native/sys.js';
import { askAll } from '../task/own.js';
import { CgroupDirs } from './cgroup-dirs.js';
import type { DumpContext } from './context.js';
import type { Resource, TreeView } from './resource.js';

/** Room for a cgroup file; longer ones are read on their own. */
const TEXT_BYTES = 2048;
/** The set of crit itself: a task that has it stays where its restorer is. */
const OWN_SET = 1;

/** In which control groups the threads of a tree are: those that are in the same ones have one number. */
export class Cgroups implements Resource {
  readonly name = 'control groups';
  readonly #ctx: DumpContext;
  readonly #numbers = new Map<string, number>();
  readonly #ofThread = new Map<number, number>();

  constructor(ctx: DumpContext) {
    this.#ctx = ctx;
  }

  /** Reads what threads say, 3 system calls of crit's each. @throws ProcGone, SysError */
  check({ alive }: TreeView): void {
    if (this.#ctx.options.cgroups.mode === 'ignore' || this.#ctx.running) return;
    const threads = alive.flatMap(({ pid, threads }) => threads.map(({ tid }) => ({ pid, tid })));
    this.#numbers.set(readProcText(process.pid, 'cgroup'), OWN_SET);
    let i = 0;
    for (const text of askAll(threads, (b, { pid, tid }) => {
      const file = `/proc/${pid}/task/${tid}/cgroup`;
      b.reserve(3, TEXT_BYTES + file.length + 64);
      const out = b.out(TEXT_BYTES);
      const fd = b.tryCall('openat', AT_FDCWD, file, O_CLOEXEC, 0);
      const n = b.tryCall('read', fd, out, TEXT_BYTES);
      b.tryCall('close', fd);
      return () => {
        if (fd.value < 0) throw new SysError('open', -fd.value, `of ${file}`);
        if (n.value < 0) throw new SysError('read', -n.value, `of ${file}`);
        return n.value < TEXT_BYTES ? out.text(n.value) : readProcText(pid, 'cgroup', tid);
      };
    })) {
      let number = this.#numbers.get(text);
      if (number === undefined) this.#numbers.set(text, (number = this.#numbers.size + 1));
      this.#ofThread.set(threads[i++]!.tid, number);
    }
  }

  /** The field of a thread's core, and what is to be written of it. */
  of(tid: number): Pick<Messages['thread_core_entry'], 'cg_set'> {
    const number = this.#ofThread.get(tid);
    return number === undefined ? {} : { cg_set: number };
  }

  inventory(): Pick<Messages['inventory_entry'], 'root_cg_set'> {
    return this.#numbers.size > 0 ? { root_cg_set: OWN_SET } : {};
  }

  /** There is no image when everybody is where crit is. */
  write(): void {
    const sets = [...this.#numbers].filter(([, id]) => id !== OWN_SET);
    if (sets.length > 0) this.#ctx.write('CGROUP', undefined, [{ message: this.#entry(sets) }]);
  }

  /** @param sets what /proc says of those who are in one, with its number */
  #entry(sets: readonly (readonly [text: string, id: number])[]): Messages['cgroup_entry'] {
    const { cgroups } = this.#ctx.options;
    const members = sets.map(([text, id]) => ({ id, ctls: parseCgroups(text) }));
    const all = members.flatMap(({ ctls }) => ctls);
    const own = new Map(readCgroups(process.pid).map(({ controllers, path }) => [controllers, path]));
    const mountOf = cgroupMounts(readMountInfo(process.pid), cgroups.yard);
    const dirs = new CgroupDirs(cgroups, this.#ctx.freezer);
    return {
      sets: members.map(({ id, ctls }) => ({
        id,
        ctls: ctls.map(({ controllers, path }) => ({ name: controllers, path })),
      })),
      controllers: [...new Set(all.map(({ controllers }) => controllers))].map((name) => {
        const cnames = name.split(',');
        const mount = mountOf(name);
        const root = cnames.map((one) => cgroups.roots.get(one)).find(Boolean) ?? cgroups.roots.get(ANY_CONTROLLER);
        const paths = root === undefined ? all.filter((m) => m.controllers === name).map(({ path }) => path) : [root];
        const entries = topmost(paths).map((dir) => {
          const relative = dir.slice(1);
          if (mount === undefined) return { dir_name: relative };
          return dir === own.get(name) ? dirs.outside(mount, relative) : dirs.whole(mount, relative, cnames);
        });
        return { cnames, is_threaded: entries.some(isThreaded), dirs: entries };
      }),
    };
  }
}

/** Without those that are below another; the root of a hierarchy is nobody's own. */
function topmost(paths: readonly string[]): string[] {
  const own = [...new Set(paths)].filter((path) => path !== '/');
  return own.filter((path) => !own.some((other) => path.startsWith(`${other}/`)));
}

/** Whether threads may be in other groups than their process: always in version 1. */
function isThreaded({ properties = [] }: Messages['cgroup_dir_entry']): boolean {
  return properties.some(({ name, value }) => name === 'tasks' || (name === 'cgroup.type' && value === 'threaded'));
}
