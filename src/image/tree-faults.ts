import type { PstreeEntry } from './generated/messages.js';
import type { ImagePid } from './pid.js';

/** Why pstree.img tells of no tree that can be. */
export interface TreeFault {
  readonly about: 'pid' | 'threads' | 'root' | 'parent';
  /** Index of the entry; undefined when it is the tree as a whole. */
  readonly entry: number | undefined;
  readonly field: string | undefined;
  /** As a message has it: `entries[3].pid`, or empty. */
  readonly where: string;
  readonly text: string;
}

/** Everything that is wrong with a tree: numbers, threads, one root, descent. */
export function* treeFaults(entries: readonly PstreeEntry[], zombies: ReadonlySet<ImagePid>): Generator<TreeFault> {
  const seen = new Set<number>();
  const at = (about: 'pid' | 'threads', entry: number, text: string): TreeFault => ({
    about,
    entry,
    field: about,
    where: `entries[${entry}].${about}`,
    text,
  });
  for (const [i, { pid, threads = [] }] of entries.entries()) {
    if (pid < 1) yield at('pid', i, `${pid} is no process id`);
    if (seen.has(pid)) yield at('pid', i, `${pid} is there twice`);
    seen.add(pid);
    if (zombies.has(pid)) continue;
    if (!threads.includes(pid)) yield at('threads', i, `the leader ${pid} is missing`);
    let leader = true;
    for (const tid of threads) {
      if (tid === pid && leader) leader = false;
      else if (seen.has(tid)) yield at('threads', i, `${tid} is there twice`);
      seen.add(tid);
    }
  }
  const whole = (about: 'root' | 'parent', text: string, entry?: number): TreeFault => ({
    about,
    entry,
    field: entry === undefined ? undefined : 'ppid',
    where: '',
    text,
  });
  const roots = entries.filter(({ ppid }) => ppid === 0).length;
  if (entries.length === 0) yield whole('root', 'there is no task');
  else if (roots !== 1) yield whole('root', `${roots} tasks have no parent, one must`);
  yield* descentFaults(entries, whole);
}

/** Everybody must descend from the root. */
function* descentFaults(
  entries: readonly PstreeEntry[],
  whole: (about: 'parent', text: string, entry: number) => TreeFault,
): Generator<TreeFault> {
  const byPid = new Map(entries.map((task) => [task.pid, task]));
  const index = new Map(entries.map((task, i) => [task, i]));
  const rooted = new Set<PstreeEntry>();
  for (const task of entries) {
    const line = new Set<PstreeEntry>();
    for (let at = task; !rooted.has(at);) {
      if (line.has(at)) {
        yield whole(
          'parent',
          `task ${at.pid} is its own ${at.ppid === at.pid ? 'parent' : 'ancestor'}`,
          index.get(at)!,
        );
        break;
      }
      line.add(at);
      if (at.ppid === 0) break;
      const parent = byPid.get(at.ppid);
      if (!parent) {
        yield whole('parent', `task ${at.pid}: its parent ${at.ppid} is missing`, index.get(at)!);
        break;
      }
      at = parent;
    }
    for (const one of line) rooted.add(one);
  }
}
