import { readThreadChildren } from '../kernel/proc/tasks.js';
import type { DumpContext, DumpTask } from './context.js';

/**
 * The parent of a process is one thread (prctl(2), PR_SET_PDEATHSIG; waitpid(2), __WNOTHREAD). Restored, it is the main
 * thread: a process that hears of the end of another thread is warned of.
 */
export function warnOfParentThread(ctx: DumpContext, task: DumpTask, signal: number): void {
  const parent = ctx.tasks.find(({ pid }) => pid === task.frozen.ppid);
  const thread = parent?.tids.slice(1).find((tid) => readThreadChildren(parent.pid, tid).includes(task.pid));
  if (parent && thread !== undefined)
    ctx.log.warn(
      `process ${task.pid} gets signal ${signal} when thread ${thread} of its parent ${parent.pid} ends; restored, when the main thread does`,
    );
}
