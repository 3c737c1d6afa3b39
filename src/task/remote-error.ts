import type { Pid } from '../image/pid.js';
import { CritError } from '../image/errors.js';
import { errnoCode, errnoWords } from '../kernel/uapi/errno.js';

/** A system call inside another task that failed: who, what, with which arguments, why. */
export class RemoteError extends CritError {
  readonly pid: Pid;
  readonly syscall: string;
  readonly args: readonly string[];
  readonly errno: number;
  constructor(pid: Pid, syscall: string, args: readonly string[], errno: number, doing?: string) {
    super(`${doing ? `${doing}: ` : ''}task ${pid}: ${syscall}(${args.join(', ')}): ${errnoWords(errno)}`, {
      code: errnoCode(errno),
    });
    this.pid = pid;
    this.syscall = syscall;
    this.args = args;
    this.errno = errno;
  }
}

/** A task that ended or was stopped by a fault while crit worked in it. */
export class TaskDied extends CritError {
  readonly pid: Pid;
  constructor(pid: Pid, how: string, cause?: unknown) {
    super(`task ${pid} ${how}`, { code: 'TASK_DIED', cause });
    this.pid = pid;
  }
}
