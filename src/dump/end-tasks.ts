import { CritError } from '../image/errors.js';
import { ERRNO, errnoWords } from '../kernel/uapi/errno.js';
import { SIGKILL } from '../kernel/uapi/signal.js';
import { sysRaw } from '../native/sys.js';
import * as L from '../task/generated/layout.js';
import type { Puppet } from '../task/puppet.js';
import { Tracee } from '../task/tracee.js';
import { fault } from './set/fault.js';

/**
 * Should crit die from now on, these processes end with it instead of going on: a store for each, no system call, so that a
 * tree whose images are complete lives or dies as a whole.
 */
export function endWithCrit(tasks: readonly { readonly puppet: Puppet }[]): void {
  for (const { puppet } of tasks) puppet.ring.onDeath(L.DEATH_EXIT);
  fault('kill');
}

/**
 * Ends the processes of a tree whose images are complete, and waits for their end. crit traces them, so that their numbers
 * are nobody else's.
 * @param tids all threads that crit traces, leaders behind their threads
 * @throws CritError naming what could not be ended: that process runs on, once crit is gone
 */
export function endTasks(pids: readonly number[], tids: readonly number[]): void {
  const alive: string[] = [];
  for (const pid of pids) {
    const failed = -sysRaw('kill', pid, SIGKILL);
    fault('kill');
    if (failed > 0 && failed !== ERRNO.ESRCH) alive.push(`process ${pid} (${errnoWords(failed)})`);
  }
  if (alive.length > 0)
    throw new CritError(`the images are complete, but could not end ${alive.join(', ')}: that runs on`, {
      code: 'NOT_ENDED',
    });
  for (const tid of tids) drain(new Tracee(tid));
}

function drain(tracee: Tracee): void {
  try {
    for (;;) {
      tracee.wait();
      tracee.cont();
    }
  } catch {
    // it is gone
  }
}
