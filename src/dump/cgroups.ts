import { statSync } from 'node:fs';
import path from 'node:path';
import type { CgroupMode } from '../image/cgroup-mode.js';
import type { Messages } from '../image/generated/messages.js';
import { cgroupMount, parseCgroups, type CgroupMembership } from '../kernel/proc/cgroup.js';
import { readMountInfo, type MountInfo } from '../kernel/proc/mountinfo.js';
import { O_CLOEXEC } from '../kernel/uapi/open-flags.js';
import { readProcText } from '../kernel/proc/proc-file.js';
import { SysError } from '../native/sys.js';
import { askAll } from '../task/own.js';

/** Room for a cgroup file; longer ones are read on their own. */
const TEXT_BYTES = 2048;
/** The set of crit itself: a task that has it stays where its restorer is. */
const OWN_SET = 1;

/** In which control groups the threads of a tree are: those that are in the same ones have one number. */
export class CgroupSets {
  readonly #numbers = new Map<string, number>();
  readonly #ofThread = new Map<number, number>();

  readonly #mode: CgroupMode;

  constructor(mode: CgroupMode) {
    this.#mode = mode;
  }

  /** Reads what threads say, 3 system calls of crit's each. @throws ProcGone, SysError */
  read(threads: readonly { pid: number; tid: number }[]): void {
    if (this.#mode === 'ignore') return;
    this.#numbers.set(readProcText(process.pid, 'cgroup'), OWN_SET);
    let i = 0;
    for (const text of askAll(threads, (b, { pid, tid }) => {
      const file = `/proc/${pid}/task/${tid}/cgroup`;
      b.reserve(3, TEXT_BYTES + file.length + 64);
      const out = b.out(TEXT_BYTES);
      const fd = b.tryCall('open', file, O_CLOEXEC, 0);
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

  /** The field of the inventory. */
  get own(): Pick<Messages['inventory_entry'], 'root_cg_set'> {
    return this.#numbers.size > 0 ? { root_cg_set: OWN_SET } : {};
  }

  /** What goes into cgroup.img; undefined when everybody is where crit is. */
  entry(): Messages['cgroup_entry'] | undefined {
    const sets = [...this.#numbers].filter(([, id]) => id !== OWN_SET);
    if (sets.length === 0) return undefined;
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
