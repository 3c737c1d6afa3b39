import type { ImageDir } from '../encode/image-dir.js';
import { taskStateName } from '../image/task-state.js';
import { tasksOf } from './tasks.js';

/** A process as it was dumped, with its children. Ids are those of the innermost pid namespace. */
export interface TaskNode {
  readonly pid: number;
  readonly ppid: number;
  readonly pgid: number;
  readonly sid: number;
  /** undefined when the task's core image is missing. */
  readonly comm: string | undefined;
  readonly state: string | undefined;
  /** Thread ids, the leader first. */
  readonly threads: readonly number[];
  readonly children: readonly TaskNode[];
}

/**
 * The process tree: usually one root. A task whose parent is not in the images is a root too, so that every task
 * shows up exactly once.
 */
export function taskTree(images: ImageDir): readonly TaskNode[] {
  type Building = TaskNode & { readonly children: TaskNode[] };
  const byPid = new Map<number, Building>();
  for (const task of tasksOf(images)) {
    const core = images.first('CORE', task.pid);
    const state = core?.tc?.task_state;
    byPid.set(task.pid, {
      pid: task.pid,
      ppid: task.ppid,
      pgid: task.pgid,
      sid: task.sid,
      comm: core?.tc?.comm,
      state: state === undefined ? undefined : (taskStateName(state) ?? `state ${state}`),
      threads: task.threads ?? [],
      children: [],
    });
  }
  const roots: Building[] = [];
  for (const task of byPid.values()) {
    const parent = task.ppid === 0 || task.ppid === task.pid ? undefined : byPid.get(task.ppid);
    if (parent) parent.children.push(task);
    else roots.push(task);
  }
  return withoutCycles(roots, byPid);
}

/** Tasks that are each other's ancestors hang on no root; the first of each such ring becomes one, its parent's link cut. */
function withoutCycles(
  roots: TaskNode[],
  all: ReadonlyMap<number, TaskNode & { readonly children: TaskNode[] }>,
): TaskNode[] {
  const seen = new Set<TaskNode>();
  const visit = (root: TaskNode): void => {
    const stack = [root];
    for (let task = stack.pop(); task; task = stack.pop()) {
      if (seen.has(task)) continue;
      seen.add(task);
      for (const child of task.children) stack.push(child);
    }
  };
  roots.forEach(visit);
  for (const task of all.values()) {
    if (seen.has(task)) continue;
    const siblings = all.get(task.ppid)?.children;
    siblings?.splice(siblings.indexOf(task), 1);
    roots.push(task);
    visit(task);
  }
  return roots;
}
