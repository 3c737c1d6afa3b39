import type { Pid } from '../../image/pid.js';
import { ProcFileError, procPath, readProcBytes, readProcLink, readProcText } from './proc-file.js';

// Files of /proc/PID that hold one value, and the links to what a process stands on. All throw ProcGone, and
// ProcFileError where the kernel was built without the file or access is denied.

function scalar(pid: Pid, file: string, pattern: RegExp, tid?: Pid): string {
  const text = readProcText(pid, file, tid).trim();
  if (!pattern.test(text)) throw new ProcFileError(procPath(pid, file, tid), 'PROC_FORMAT', `not understood: ${text}`);
  return text;
}

/** The name of a process or thread (at most 15 bytes, may hold any byte but NUL). */
export function readComm(pid: Pid, tid?: Pid): string {
  return readProcText(pid, 'comm', tid).replace(/\n$/, '');
}

/** The audit user id (proc_pid_loginuid(5)): 4294967295 when it was never set. */
export function readLoginUid(pid: Pid): number {
  return Number(scalar(pid, 'loginuid', /^\d+$/));
}

/** -1000 .. 1000 (proc_pid_oom_score_adj(5)). */
export function readOomScoreAdj(pid: Pid): number {
  return Number(scalar(pid, 'oom_score_adj', /^-?\d+$/));
}

/** Timer slack in nanoseconds (Linux 4.6); of another process with CAP_SYS_NICE only. */
export function readTimerSlackNs(pid: Pid, tid?: Pid): bigint {
  return BigInt(scalar(pid, 'timerslack_ns', /^\d+$/, tid));
}

/** The execution domain, personality(2). */
export function readPersonality(pid: Pid, tid?: Pid): number {
  return Number.parseInt(scalar(pid, 'personality', /^[0-9a-f]+$/, tid), 16);
}

/** Which mappings go into a core file (core(5)); undefined for a process without memory. */
export function readCoredumpFilter(pid: Pid): number | undefined {
  const text = readProcText(pid, 'coredump_filter').trim();
  return text ? Number.parseInt(text, 16) : undefined;
}

/** Pages in memory that belong to no file and no shared memory object: resident less shared of proc_pid_statm(5). */
export function readAnonymousPages(pid: Pid): number {
  const [, resident = 0, shared = 0] = readProcText(pid, 'statm').split(' ').map(Number);
  return Math.max(0, resident - shared);
}

/**
 * What a stopped or sleeping task waits for (proc_pid_syscall(5)): the number of the call and its six arguments, or "running";
 * number -1 when it is stopped outside a call.
 */
export function readSyscall(pid: Pid, tid?: Pid): 'running' | { nr: number; args: bigint[]; sp: bigint; pc: bigint } {
  const words = readProcText(pid, 'syscall', tid).trim().split(' ');
  if (words[0] === 'running') return 'running';
  const values = words.slice(1).map((word) => BigInt(word));
  return { nr: Number(words[0]), args: values.slice(0, -2), sp: values.at(-2) ?? 0n, pc: values.at(-1) ?? 0n };
}

/** argv as it stands in memory now: the process may have written over it. */
export function readCmdline(pid: Pid): string[] {
  return words(readProcBytes(pid, 'cmdline'));
}

/** The environment it was started with, as it stands in memory now. */
export function readEnviron(pid: Pid): string[] {
  return words(readProcBytes(pid, 'environ'));
}

function words(bytes: Buffer): string[] {
  const text = bytes.toString('utf8');
  return text === '' ? [] : text.replace(/\0$/, '').split('\0');
}

/** The executable; " (deleted)" follows the path of an unlinked one. Zombies and kernel threads have none (NO_PROC_FILE). */
export function readExe(pid: Pid): string {
  return readProcLink(pid, 'exe');
}

export function readCwd(pid: Pid, tid?: Pid): string {
  return readProcLink(pid, 'cwd', tid);
}
