import type { Pid } from '../../image/pid.js';
import { ProcGone, readProcNumbers, readProcText } from './proc-file.js';

/** Thread ids of a process, ascending; the leader's is the pid. A leader that has ended is still listed. @throws ProcGone */
export function readThreads(pid: Pid): number[] {
  return readProcNumbers(pid, 'task');
}

/**
 * Children that one thread forked (CONFIG_PROC_CHILDREN). While they run the kernel may skip some (proc_tid_children(5)):
 * stop them, then read again. @throws ProcGone
 */
export function readThreadChildren(pid: Pid, tid: Pid): number[] {
  return readProcText(pid, 'children', tid).split(' ').filter(Boolean).map(Number);
}

/** Children of all threads of a process, ascending. Threads that end meanwhile are passed over. @throws ProcGone */
export function readChildren(pid: Pid): number[] {
  const children: number[] = [];
  for (const tid of readThreads(pid)) {
    try {
      children.push(...readThreadChildren(pid, tid));
    } catch (error) {
      if (!(error instanceof ProcGone)) throw error;
    }
  }
  return children.sort((a, b) => a - b);
}
