import { imageFileName } from '../../image/catalogue.js';
import { CritError } from '../../image/errors.js';
import { planBirths, readTree } from '../../image/process-tree.js';
import { treeFaults, type TreeFault } from '../../image/tree-faults.js';
import type { CheckedSet } from './checked-set.js';
import { DUMP_AGAIN, type Rule } from './finding.js';

const PSTREE = imageFileName('PSTREE');
/** Births are not planned for a larger tree: planning takes its time. */
const MAX_PLANNED = 20_000;

const entriesOf = (set: CheckedSet) => set.tasks.map(({ entry }) => entry);
const zombiesOf = (set: CheckedSet) => new Set(set.tasks.filter(({ ended }) => ended).map(({ pid }) => pid));

/** A rule about one kind of fault of the tree. */
const treeRule = (about: TreeFault['about'], code: Rule['code'], checks: string): Rule => ({
  code,
  severity: 'error',
  checks,
  todo: DUMP_AGAIN,
  walk: (set, report) => {
    if (set.lost('PSTREE')) return;
    for (const fault of treeFaults(entriesOf(set), zombiesOf(set)))
      if (fault.about === about && !(about === 'threads' && set.tasks[fault.entry!]?.ended === undefined))
        report({ image: PSTREE, entry: fault.entry, field: fault.field }, fault.text);
  },
});

/** The process tree. */
export const treeRules: readonly Rule[] = [
  treeRule('pid', 'V_PSTREE_PID', 'pids are positive, and each is there once'),
  treeRule('threads', 'V_PSTREE_THREADS', 'each task has its main thread, and no thread is there twice'),
  treeRule('root', 'V_PSTREE_ROOT', 'one task, and only one, has no parent in the tree'),
  treeRule('parent', 'V_PSTREE_PARENT', 'every task descends from the root'),
  {
    code: 'V_PSTREE_SESSION',
    severity: 'error',
    checks: 'a task that a session is named after leads it',
    todo: DUMP_AGAIN,
    walk: ({ tasks }, report) => {
      const byPid = new Map(tasks.map((task) => [task.pid, task.entry]));
      for (const { entry, index } of tasks) {
        const leader = byPid.get(entry.sid);
        if (leader && leader.sid !== entry.sid)
          report(
            { image: PSTREE, entry: index, field: 'sid' },
            `task ${entry.pid} is in session ${entry.sid}, but task ${entry.sid} is in session ${leader.sid}`,
          );
      }
    },
  },
  {
    code: 'V_PSTREE_GROUP',
    severity: 'error',
    checks: 'all tasks of a process group are in one session',
    todo: DUMP_AGAIN,
    walk: ({ tasks }, report) => {
      const sessions = new Map<number, number>();
      for (const { entry, index } of tasks) {
        const sid = sessions.get(entry.pgid) ?? entry.sid;
        sessions.set(entry.pgid, sid);
        if (sid !== entry.sid && entry.pgid !== 0)
          report(
            { image: PSTREE, entry: index, field: 'pgid' },
            `task ${entry.pid} is in session ${entry.sid}, others of its group ${entry.pgid} are in session ${sid}`,
          );
      }
    },
  },
  {
    code: 'V_PSTREE_ROOT_DEAD',
    severity: 'error',
    checks: 'the root of the tree is alive',
    todo: DUMP_AGAIN,
    walk: ({ tasks }, report) => {
      for (const { entry, index, ended } of tasks)
        if (entry.ppid === 0 && ended)
          report({ image: PSTREE, entry: index, field: 'pid' }, 'the root task of the images is a zombie');
    },
  },
  {
    code: 'V_PSTREE_BIRTH',
    severity: 'warning',
    checks: 'there is an order of births that brings every task into its session',
    todo: 'restore it with CRIU, which may know one',
    walk: (set, report) => {
      if (set.lost('PSTREE') || set.tasks.length > MAX_PLANNED) return;
      if (set.tasks.some(({ ended }) => ended === undefined)) return;
      const entries = entriesOf(set);
      const zombies = zombiesOf(set);
      if (!treeFaults(entries, zombies).next().done) return;
      const ids = new Map(set.tasks.map((task) => [task.pid, task.ids]));
      try {
        planBirths(readTree(entries, zombies), (pid) => {
          const own = ids.get(pid);
          return own ? [`descriptors ${own.files_id}`, `directories ${own.fs_id}`] : [];
        });
      } catch (error) {
        if (error instanceof CritError) report({ image: PSTREE }, error.message);
        else if (!(error instanceof RangeError)) throw error; // a tree that is too deep for the stack
      }
    },
  },
];
