import { closeSync, existsSync, openSync } from 'node:fs';
import { CritError } from '../image/errors.js';
import { errnoCode, errnoWords } from '../kernel/uapi/errno.js';
import { SIGKILL } from '../kernel/uapi/signal.js';
import { __WALL } from '../kernel/uapi/wait.js';
import { addon, nativeFile } from '../native/addon.js';
import { sys, sysRaw } from '../native/sys.js';
import { waitUntil } from '../task/wait.js';

/** The last descriptor that the program opens. */
const READY_FD = 5;
/** It starts in a millisecond or two. */
const READY_MS = 200;

/**
 * Lets `perform` dump a process of crit's own first. JavaScript is compiled and optimised as it runs: what is run for
 * the first time takes ten times as long, and that time must not fall into the stop of the real tree.
 */
export function rehearse(perform: (pid: number) => void): void {
  // Otherwise only what has run some ten times begins to remember the shapes of the objects that it meets.
  addon().setV8Flag('--no-lazy-feedback-allocation');
  const nothing = openSync('/dev/null', 'r+');
  const program = openSync(nativeFile('puppet/rehearsal'), 'r');
  const self = sys('pidfd_open', process.pid, 0);
  try {
    const pid = addon().spawnStub(program, self, Int32Array.of(nothing, nothing, nothing), new Int32Array(), 0);
    if (pid < 0) throw new CritError(`no process to rehearse on: ${errnoWords(-pid)}`, { code: errnoCode(-pid) });
    try {
      if (!waitUntil(() => existsSync(`/proc/${pid}/fd/${READY_FD}`), READY_MS, 0.1))
        throw new CritError(`the process to rehearse on (pid ${pid}) does not start`, { code: 'TIMEOUT' });
      perform(pid);
    } finally {
      sysRaw('kill', pid, SIGKILL);
      sysRaw('wait4', pid, null, __WALL, null);
    }
  } finally {
    closeSync(nothing);
    closeSync(program);
    closeSync(self);
  }
}
