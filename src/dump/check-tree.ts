import { CritError } from '../image/errors.js';
import { seenByTask } from '../image/pid.js';
import { planBirths } from '../image/process-tree.js';
import { attempt, type MakeResource, type TaskView } from './resource.js';

/** Refuses trees that a restore could not bring about. */
export const treeShape: MakeResource = ({ options, refuse }) => ({
  name: 'shape of the tree',
  check: ({ tasks }) => {
    attempt(refuse, () => {
      checkSessions(tasks, options.shellJob);
    });
    attempt(refuse, () => {
      checkTree(tasks);
    });
  },
});

/** A session whose leader is outside the tree comes back only as somebody's shell job. @throws CritError SHELL_JOB */
function checkSessions(tasks: readonly TaskView[], shellJob: boolean): void {
  if (shellJob) return;
  const pids = new Set(tasks.map((task) => task.pid));
  const root = tasks[0]!;
  if (!pids.has(root.stat.session))
    throw new CritError(
      `process ${root.pid} belongs to session ${root.stat.session}, whose leader is outside the dumped tree: dump the leader, or use --shell-job`,
      { code: 'SHELL_JOB' },
    );
}

/** A tree that a restore could not bring about again is not dumped: it would be lost. @throws CritError UNSUPPORTED */
function checkTree(tasks: readonly TaskView[]): void {
  const shape = tasks.map(({ pid, ppid, stat, threads, zombie }, i) => ({
    pid: seenByTask(pid),
    ppid: i === 0 ? 0 : seenByTask(ppid),
    pgid: seenByTask(stat.pgrp),
    sid: seenByTask(stat.session),
    tids: threads.map(({ tid }) => seenByTask(tid)),
    zombie,
  }));
  planBirths(shape, () => []);
}
