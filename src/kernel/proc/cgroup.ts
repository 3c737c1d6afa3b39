import { statSync } from 'node:fs';
import path from 'node:path';
import { CritError } from '../../image/errors.js';
import type { Pid } from '../../image/pid.js';
import type { MountInfo } from './mountinfo.js';
import { ProcFileError, procPath, readProcText } from './proc-file.js';

/** A line of /proc/PID/cgroup (cgroups(7)). */
export interface CgroupMembership {
  /** 0 for version 2. */
  hierarchyId: number;
  /** "memory", "cpu,cpuacct", "name=systemd"; "" for version 2. */
  controllers: string;
  /** Relative to the reader's cgroup namespace. */
  path: string;
}

/** The text of a cgroup file. */
export function parseCgroups(text: string, source = 'cgroup'): CgroupMembership[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const m = /^(\d+):([^:]*):(.*)$/s.exec(line);
      if (!m) throw new ProcFileError(source, 'PROC_FORMAT', `not understood: ${JSON.stringify(line)}`);
      return { hierarchyId: Number(m[1]), controllers: m[2]!, path: m[3]! };
    });
}

/** The cgroups of a process, in the kernel's order. @throws ProcGone */
export function readCgroups(pid: Pid, tid?: Pid): CgroupMembership[] {
  return parseCgroups(readProcText(pid, 'cgroup', tid), procPath(pid, 'cgroup', tid));
}

/** Where a hierarchy is mounted as a whole, for the reader; undefined when it is not. */
export function cgroupMount(mounts: readonly MountInfo[], controllers: string): string | undefined {
  const names = controllers.split(',');
  return mounts.find(
    ({ fsType, root, superOptions }) =>
      root === '/' &&
      (controllers === ''
        ? fsType === 'cgroup2'
        : fsType === 'cgroup' && names.every((name) => superOptions.includes(name))),
  )?.mountPoint;
}

/** Where hierarchies are, by their controllers. @param yard a directory with all of them, instead of where they are mounted */
export function cgroupMounts(
  mounts: readonly MountInfo[],
  yard: string | undefined,
): (controllers: string) => string | undefined {
  if (yard === undefined) return (controllers) => cgroupMount(mounts, controllers);
  if (!statSync(yard, { throwIfNoEntry: false })?.isDirectory())
    throw new CritError(`--cgroup-yard: ${path.resolve(yard)} is no directory`, { code: 'BAD_ARGUMENT' });
  return (controllers) => path.join(yard, controllers === '' ? 'unified' : controllers.replace(/^name=/, ''));
}
