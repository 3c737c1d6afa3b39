import { SYSCALLS, type AnySyscallName, type SyscallName } from '../arch/index.js';
import { ERRNO, errnoCode, errnoWords, type ErrnoName } from '../kernel/uapi/errno.js';
import { CritError } from '../image/errors.js';
import { addon, type Word } from './addon.js';

/** A system call of crit's own that failed. */
export class SysError extends CritError {
  readonly errno: number;
  readonly syscall: AnySyscallName;
  constructor(syscall: AnySyscallName, errno: number, detail = '') {
    super(`${syscall}${detail && ` ${detail}`}: ${errnoWords(errno)}`, { code: errnoCode(errno) });
    this.errno = errno;
    this.syscall = syscall;
  }
}

/** One system call made by crit itself: its result, or -errno. */
export function sysRaw(name: SyscallName, ...args: Word[]): number {
  return addon().syscall(SYSCALLS[name], ...args);
}

/** One system call made by crit itself. @throws SysError when the kernel says no */
export function sys(name: SyscallName, ...args: Word[]): number {
  const result = addon().syscall(SYSCALLS[name], ...args);
  if (result < 0 && result >= -4095) throw new SysError(name, -result);
  return result;
}

/**
 * The answer of a call (of crit's or of a task's) that not every kernel or object can give: undefined for the errors that
 * say so. Any other error says nothing about what was asked, and must not be taken for "it has none".
 * @throws SysError
 */
export function answer(
  name: AnySyscallName,
  result: number,
  none: readonly ErrnoName[],
  detail?: string,
): number | undefined {
  if (result >= 0 || result < -4095) return result;
  if (none.some((errno) => ERRNO[errno] === -result)) return undefined;
  throw new SysError(name, -result, detail);
}

/** A NUL-terminated string for a system call. */
export function cString(text: string): Buffer {
  return Buffer.from(`${text}\0`);
}
