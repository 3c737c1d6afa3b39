import type { Pid } from '../image/pid.js';
import { CritError } from '../image/errors.js';
import { ERRNO } from '../kernel/uapi/errno.js';
import { RemoteError } from './remote-error.js';

const hex = (n: number) => `0x${n.toString(16)}`;

/** Why a process has no room for the control area, where it is known. */
export function noRoom(pid: Pid, base: number, size: number, errno: number): CritError {
  const cause = new RemoteError(pid, 'mmap', [hex(base), String(size)], errno > 0 ? errno : ERRNO.EEXIST);
  const needs = `process ${pid}: crit needs ${Math.ceil(size / 1024)} KiB in its address space for the time of a dump, `;
  if (errno === ERRNO.ENOMEM)
    return new CritError(
      `${needs}but the kernel gives it no more memory: raise its limit of address space (prlimit --pid ${pid} --as), or free memory`,
      { code: 'ENOMEM', cause },
    );
  if (errno === ERRNO.EACCES)
    return new CritError(
      `${needs}for code too, but it may map no code of its own making (a security module): not supported`,
      { code: 'UNSUPPORTED', cause },
    );
  return cause;
}
