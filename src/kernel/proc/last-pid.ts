import type { Pid } from '../../image/pid.js';
import { readFileSync, writeFileSync } from 'node:fs';

// Which number the next task gets (pid_namespaces(7)): one more than /proc/sys/kernel/ns_last_pid, and further on where
// that is taken. CONFIG_CHECKPOINT_RESTORE.

/** Where it is read and written. */
export const LAST_PID = '/proc/sys/kernel/ns_last_pid';

/** The number that was handed out last in the pid namespace of the reader. @throws as readFileSync does */
export function readLastPid(): number {
  return Number(readFileSync(LAST_PID, 'utf8'));
}

/** The next task gets a number beyond this one. Wants CAP_CHECKPOINT_RESTORE. @throws as writeFileSync does */
export function writeLastPid(pid: Pid): void {
  writeFileSync(LAST_PID, String(pid));
}

/** Numbers are less than this (proc_sys_kernel(5)). */
export function readPidMax(): number {
  return Number(readFileSync('/proc/sys/kernel/pid_max', 'utf8'));
}
