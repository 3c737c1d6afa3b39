import { SYSCALLS } from '../arch/index.js';
import { readProcText } from '../kernel/proc/proc-file.js';

/** CLOCK_* are small, no pointer is. */
const MAX_CLOCK = 0x1000n;

/**
 * The call that a thread went back into by restart_syscall(2), as one that was stopped before does: its arguments stand, but not
 * its number. The kernel's own stack shows it; of a sleep nothing but that there is nothing else.
 * @returns its number, or undefined where that cannot be told
 */
export function restartedCall(pid: number, tid: number, args: readonly bigint[]): number | undefined {
  let stack: string;
  try {
    stack = readProcText(pid, 'stack', tid);
  } catch {
    return undefined;
  }
  if (!stack.includes('do_syscall_64')) return undefined;
  if (/ do_restart_poll\+/.test(stack)) return SYSCALLS.poll;
  if (/ futex_wait(_restart)?\+/.test(stack)) return SYSCALLS.futex;
  const others = stack
    .split('\n')
    .filter((line) => / \w/.test(line) && !/ (do_syscall_64|entry_SYSCALL_64\w*|\w*nanosleep\w*)\+/.test(line));
  if (others.length > 0) return undefined;
  return args[0]! < MAX_CLOCK ? SYSCALLS.clock_nanosleep : SYSCALLS.nanosleep;
}
