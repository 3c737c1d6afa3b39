import { seenByTask, type Pid } from '../image/pid.js';
import { SIGINFO, SIGINFO_BYTES } from '../kernel/uapi/signal.js';
import { __WALL, P_PID, WNOHANG, WNOWAIT, WSTOPPED } from '../kernel/uapi/wait.js';
import type { Batch } from '../task/batch.js';
import type { DumpTask } from './context.js';

/**
 * Asks a process which of its stopped children it has waited for already: a shell has, and would tell of the stop once more.
 * Looking (WNOWAIT) changes nothing.
 */
export function askToldStops(children: readonly DumpTask[], b: Batch): () => Pid[] {
  const asked = children
    .filter(({ frozen }) => frozen.stopSignal !== 0)
    .map(({ pid }) => {
      const info = b.out(SIGINFO_BYTES);
      return {
        pid,
        info,
        done: b.tryCall('waitid', P_PID, seenByTask(pid), info, WSTOPPED | WNOHANG | WNOWAIT | __WALL, 0),
      };
    });
  return () =>
    asked
      .filter(({ info, done }) => done.value === 0 && info.view.getInt32(SIGINFO.pid, true) === 0)
      .map(({ pid }) => pid);
}
