import { CritError } from '../image/errors.js';
import type { Pid } from '../image/pid.js';
import { readStat } from '../kernel/proc/stat-file.js';
import { PR_SET_DUMPABLE } from '../kernel/uapi/prctl.js';
import { RLIMITS } from '../kernel/uapi/resource.js';
import { SIG_UNBLOCK, SIGKILL, SIGSTOP } from '../kernel/uapi/signal.js';
import { waitUntil } from '../task/wait.js';
import type { RestoreTask } from './context.js';
import { restoreIds } from './creds.js';
import { setName } from './thread-settings.js';

/** Zombies end with the status that the images tell; their parents have not waited for them. */
export function endZombie(task: RestoreTask): void {
  const puppet = task.puppet!;
  puppet.tracee!.detachRunning();
  const tc = task.cores[0]!.tc;
  const status = tc?.exit_code ?? 0;
  const signal = status & 0x7f;
  const b = puppet.batch();
  setName(b, tc?.comm);
  if (signal) {
    b.call('prlimit64', 0, RLIMITS.RLIMIT_CORE, new Uint8Array(16), null);
    if (signal !== SIGKILL && signal !== SIGSTOP) b.call('rt_sigaction', signal, new Uint8Array(32), null, 8); // SIG_DFL
  }
  if (tc?.zombie_creds) restoreIds(b, tc.zombie_creds);
  if (signal) {
    // no limit keeps its memory from a program that takes cores (core(5): "|")
    b.call('prctl', PR_SET_DUMPABLE, 0, 0, 0, 0);
    b.call('kill', task.pid, signal);
    b.call('rt_sigprocmask', SIG_UNBLOCK, new Uint8Array(8).fill(0xff), null, 8);
  }
  b.call('exit_group', status >> 8);
  b.submit();
  waitZombie(puppet.tid);
}

function waitZombie(pid: Pid): void {
  if (!waitUntil(() => readStat(pid).state === 'Z', 2000, 0.5))
    throw new CritError(`zombie ${pid} did not end`, { code: 'ZOMBIE' });
}
