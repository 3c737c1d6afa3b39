import { readlinkSync } from 'node:fs';
import { CritError } from '../image/errors.js';
import { sysRaw } from '../native/sys.js';
import type { Messages } from '../image/generated/messages.js';

/** /proc/PID/ns links, the ids of crit's own namespaces in the images (CRIU's order), and how each is named to people */
const NAMESPACES = [
  ['pid', 'pid_ns_id', 1, 'PID'],
  ['net', 'net_ns_id', 2, 'network'],
  ['ipc', 'ipc_ns_id', 3, 'IPC'],
  ['uts', 'uts_ns_id', 4, 'UTS'],
  ['time', 'time_ns_id', 5, 'time'],
  ['mnt', 'mnt_ns_id', 6, 'mount'],
  ['user', 'user_ns_id', 7, 'user'],
  ['cgroup', 'cgroup_ns_id', 8, 'cgroup'],
] as const;

/** include/uapi/linux/kcmp.h */
const KCMP_VM = 1;
const KCMP_SIGHAND = 4;

type Ids = Messages['task_kobj_ids_entry'];

/** The ids that stand for crit's own objects: a task of the host's namespaces has the same namespace ids. */
export function rootIds(): Ids {
  const ids: Record<string, number> = { vm_id: 1, files_id: 1, fs_id: 1, sighand_id: 1 };
  for (const [, field, id] of NAMESPACES) ids[field] = id;
  return ids as unknown as Ids;
}

/** crit's own links of /proc/self/ns; undefined for what this kernel has not. */
const own = new Map<string, string | undefined>();

function ownNamespace(name: string): string | undefined {
  if (!own.has(name)) own.set(name, linkOf('self', name));
  return own.get(name);
}

function linkOf(pid: number | 'self', name: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/${name}`);
  } catch {
    return undefined;
  }
}

/** @throws CritError UNSUPPORTED when the process is in a namespace of its own */
export function checkNamespaces(pid: number): void {
  for (const [name, , , label] of NAMESPACES) {
    const theirs = linkOf(pid, name);
    const ours = ownNamespace(name);
    if (theirs !== undefined && ours !== undefined && theirs !== ours)
      throw new CritError(`process ${pid} is in a ${label} namespace of its own (${theirs}): not supported yet`, {
        code: 'UNSUPPORTED',
      });
  }
}

/** @throws CritError UNSUPPORTED when two processes share their memory or their signal handlers */
export function checkUnshared(pids: readonly number[]): void {
  // kcmp orders objects: equal neighbours after a sort are all that can be equal
  for (const [type, what] of [
    [KCMP_VM, 'memory (CLONE_VM without CLONE_THREAD, as between vfork and exec)'],
    [KCMP_SIGHAND, 'signal handlers (CLONE_SIGHAND without CLONE_THREAD)'],
  ] as const) {
    const sorted = [...pids].sort((a, b) => {
      const order = sysRaw('kcmp', a, b, type, 0, 0);
      return order === 1 ? -1 : order === 2 ? 1 : 0;
    });
    for (let i = 1; i < sorted.length; i++)
      if (sysRaw('kcmp', sorted[i - 1]!, sorted[i]!, type, 0, 0) === 0)
        throw new CritError(`processes ${sorted[i - 1]} and ${sorted[i]} share their ${what}: not supported`, {
          code: 'UNSUPPORTED',
        });
  }
}
