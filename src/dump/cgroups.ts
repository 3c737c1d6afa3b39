import { statSync } from 'node:fs';
import path from 'node:path';
import type { Messages } from '../image/generated/messages.js';
import { cgroupMount, parseCgroups, type CgroupMembership } from '../kernel/proc/cgroup.js';
import { readMountInfo, type MountInfo } from '../kernel/proc/mountinfo.js';
import { O_CLOEXEC, AT_FDCWD } from '../kernel/uapi/open-flags.js';
import { readProcText } from '../kernel/proc/proc-file.js';
import { SysError } from '../native/sys.js';
import { askAll } from '../task/own.js';
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
    if (this.#ctx.options.cgroups === 'ignore' || this.#ctx.running) return;
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
    if (sets.length > 0) this.#ctx.write('CGROUP', undefined, [{ message: entryOf(sets) }]);
  }
}

/** @param sets what /proc says of those who are in one, with its number */
function entryOf(sets: readonly (readonly [text: string, id: number])[]): Messages['cgroup_entry'] {
  const members = sets.map(([text, id]) => ({ id, ctls: parseCgroups(text) }));
  const names = new Set(members.flatMap(({ ctls }) => ctls.map(({ controllers }) => controllers)));
  const mounts = readMountInfo(process.pid);
  return {
    sets: members.map(({ id, ctls }) => ({
      id,
      ctls: ctls.map(({ controllers, path }) => ({ name: controllers, path })),
    })),
    controllers: [...names].map((name) => ({
      cnames: name.split(','),
      is_threaded: false,
      dirs: directories(
        name,
        members.flatMap(({ ctls }) => ctls),
        mounts,
      ),
    })),
  };
}

/** The control groups of a hierarchy that tasks are in: CRIU makes those that it does not find. */
function directories(
  name: string,
  members: readonly CgroupMembership[],
  mounts: readonly MountInfo[],
): Messages['cgroup_dir_entry'][] {
  const paths = new Set(members.filter(({ controllers }) => controllers === name).map((member) => member.path));
  const mount = cgroupMount(mounts, name);
  return [...paths]
    .filter((dir) => dir !== '/')
    .map((dir) => {
      const stat = mount && statSync(path.join(mount, dir), { throwIfNoEntry: false });
      return {
        dir_name: dir.slice(1),
        ...(stat && { dir_perms: { mode: stat.mode, uid: stat.uid, gid: stat.gid } }),
      };
    });
}
