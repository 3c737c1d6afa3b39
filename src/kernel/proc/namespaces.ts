import type { Pid } from '../../image/pid.js';
import { ProcFileError, ProcGone, procPath, readProcDir, readProcLink } from './proc-file.js';

/** Links of /proc/PID/ns (namespaces(7)) and the clone flag of each kind. */
export const NAMESPACE_FLAGS = {
  cgroup: 0x02000000,
  ipc: 0x08000000,
  mnt: 0x00020000,
  net: 0x40000000,
  pid: 0x20000000,
  pid_for_children: 0x20000000,
  time: 0x00000080,
  time_for_children: 0x00000080,
  user: 0x10000000,
  uts: 0x04000000,
} as const;

export type NamespaceName = keyof typeof NAMESPACE_FLAGS;

/** The inode number in "net:[4026531840]": two tasks are in the same namespace when theirs are equal. */
export function namespaceInode(target: string): number | undefined {
  const m = /^[a-z]+:\[(\d+)\]$/.exec(target);
  return m ? Number(m[1]) : undefined;
}

/** One namespace of a task. @throws ProcGone, ProcFileError NO_PROC_FILE on a kernel without that kind */
export function readNamespace(pid: Pid, name: NamespaceName, tid?: Pid): number {
  const target = readProcLink(pid, `ns/${name}`, tid);
  const inode = namespaceInode(target);
  if (inode === undefined)
    throw new ProcFileError(procPath(pid, `ns/${name}`, tid), 'PROC_FORMAT', `not understood: ${target}`);
  return inode;
}

/**
 * The namespaces of a task that this kernel has, as inode numbers. A zombie has left most of them: what cannot be read is
 * left out.
 * @throws ProcGone
 */
export function readNamespaces(pid: Pid, tid?: Pid): Partial<Record<NamespaceName, number>> {
  const result: Partial<Record<NamespaceName, number>> = {};
  for (const name of readProcDir(pid, 'ns', tid)) {
    if (!(name in NAMESPACE_FLAGS)) continue;
    try {
      result[name as NamespaceName] = readNamespace(pid, name as NamespaceName, tid);
    } catch (error) {
      if (error instanceof ProcGone) throw error;
      if (!(error instanceof ProcFileError) || !['NO_PROC_FILE', 'EACCES'].includes(error.code)) throw error;
    }
  }
  return result;
}
