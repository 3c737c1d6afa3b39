import { readdirSync } from 'node:fs';
import type { Pid } from '../../image/pid.js';
import { readFds } from '../../kernel/proc/fd-links.js';
import { KCMP_FILE } from '../../kernel/uapi/kcmp.js';
import { sysRaw } from '../../native/sys.js';
import type { Description } from './description.js';
import { readLink } from './file-stat.js';

export interface OutsideHolder {
  readonly pid: Pid;
  readonly fd: number;
}

/**
 * Who besides the tree and crit has a description open. Descriptors are compared by what their links say, then by kcmp(2): no
 * file system is asked. Cost: a readlink for each descriptor of the machine.
 * @param inside the processes of the tree
 */
export function outsideHolders(
  files: ReadonlySet<Description>,
  inside: ReadonlySet<Pid>,
): ReadonlyMap<Description, OutsideHolder> {
  const byLink = new Map<string, Description[]>();
  for (const file of files) byLink.set(file.link, [...(byLink.get(file.link) ?? []), file]);
  const found = new Map<Description, OutsideHolder>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid || inside.has(pid)) continue;
    for (const fd of fdsOf(pid))
      for (const file of byLink.get(linkOf(pid, fd)) ?? [])
        if (sysRaw('kcmp', file.at.pid, pid, KCMP_FILE, file.at.fd, fd) === 0) found.set(file, { pid, fd });
  }
  return found;
}

function fdsOf(pid: Pid): number[] {
  try {
    return readFds(pid);
  } catch {
    return []; // it has ended
  }
}

function linkOf(pid: Pid, fd: number): string {
  try {
    return readLink(`/proc/${pid}/fd/${fd}`);
  } catch {
    return '';
  }
}
