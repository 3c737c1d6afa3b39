// linux/wait.h: options of wait4(2) and waitid(2).
export const WNOHANG = 1;
export const WUNTRACED = 2;
export const WSTOPPED = WUNTRACED;
export const WEXITED = 4;
export const WNOWAIT = 0x1000000;
/** Children of other threads too: what ptrace of a thread needs. */
export const __WALL = 0x40000000;

// linux/wait.h: idtype of waitid(2).
export const P_ALL = 0;
export const P_PID = 1;
export const P_PGID = 2;
export const P_PIDFD = 3;

// wait(2): a status is (exit code << 8), or the signal that killed, with 0x80 for a core, or (signal << 8 | 0x7f) for a
// stop. A ptrace event is in the bits from 16 up.

export function WIFEXITED(status: number): boolean {
  return (status & 0x7f) === 0;
}

export function WEXITSTATUS(status: number): number {
  return (status >> 8) & 0xff;
}

export function WIFSIGNALED(status: number): boolean {
  const low = status & 0x7f;
  return low !== 0 && low !== 0x7f;
}

export function WTERMSIG(status: number): number {
  return status & 0x7f;
}

export function WCOREDUMP(status: number): boolean {
  return (status & 0x80) !== 0;
}

export function WIFSTOPPED(status: number): boolean {
  return (status & 0xff) === 0x7f;
}

export function WSTOPSIG(status: number): number {
  return (status >> 8) & 0xff;
}

export function WIFCONTINUED(status: number): boolean {
  return status === 0xffff;
}

/** The PTRACE_EVENT_* of a stop, or 0. */
export function ptraceEvent(status: number): number {
  return WIFSTOPPED(status) ? status >>> 16 : 0;
}

/** The status that an exit with this code leaves (as /proc/PID/stat's exit_code shows it). */
export function exitStatus(code: number): number {
  return (code & 0xff) << 8;
}
