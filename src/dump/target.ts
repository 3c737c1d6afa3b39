import { existsSync, readdirSync } from 'node:fs';
import { CritError } from '../image/errors.js';
import { ProcGone } from '../kernel/proc/proc-file.js';
import { PF_KTHREAD } from '../kernel/uapi/sched.js';
import { readStat } from '../kernel/proc/stat-file.js';
import { readStatus } from '../kernel/proc/status.js';
import type { CritErrorCode } from '../image/error-codes.js';

const refused = (code: CritErrorCode, message: string): CritError => new CritError(message, { code });

/** What is refused of a process, wherever that is found out. */
export const refusals = {
  noProcess: (pid: number) => refused('NO_PROCESS', `there is no process ${pid}`),
  justEnded: (pid: number) => refused('NO_PROCESS', `process ${pid} has just ended`),
  crit: (pid: number) =>
    refused(
      'OWN_PID',
      pid === process.pid
        ? `pid ${pid} is crit itself: run crit outside the tree that is dumped`
        : `crit (pid ${process.pid}) runs inside the tree of pid ${pid}: run it from outside, or with setsid and nohup`,
    ),
  kernelThread: (pid: number, name: string) =>
    refused('KERNEL_THREAD', `process ${pid} (${name}) is a thread of the kernel`),
  zombie: (pid: number, name: string) =>
    refused('ZOMBIE', `process ${pid} (${name}) has ended; its parent has not waited for it yet`),
};

/** crit cannot stop itself or what it runs under. @throws CritError OWN_PID */
export function refuseOwnTree(pid: number): void {
  for (let at = process.pid; at > 1; at = readStatus(at).ppid) if (at === pid) throw refusals.crit(pid);
}

/**
 * Refuses what cannot be the root of a dumped tree, as far as that can be told without stopping anything.
 * @throws CritError NO_PROCESS, NOT_A_PROCESS, KERNEL_THREAD, ZOMBIE, TRACED, INIT
 */
export function checkTarget(pid: number): void {
  if (!existsSync(`/proc/${pid}`)) throw refusals.noProcess(pid);
  if (pid === 1) throw refused('INIT', 'process 1 is the init of this pid namespace: crit itself depends on it');
  try {
    const { name, tgid, state, tracerPid } = readStatus(pid);
    const { flags } = readStat(pid);
    if ((flags & PF_KTHREAD) !== 0) throw refusals.kernelThread(pid, name);
    if (tgid !== pid)
      throw refused(
        'NOT_A_PROCESS',
        `${pid} is a thread of process ${tgid} (${name}): dump the process with -t ${tgid}`,
      );
    // one whose other threads run on is told from one that is just ending when the tree is stopped
    if (state === 'X' || (state === 'Z' && readdirSync(`/proc/${pid}/task`).length <= 1))
      throw refusals.zombie(pid, name);
    if (tracerPid !== 0)
      throw refused('TRACED', `process ${pid} (${name}) is traced by process ${tracerPid}: it has to let go first`);
  } catch (error) {
    if (error instanceof ProcGone) throw refusals.justEnded(pid);
    throw error;
  }
}
