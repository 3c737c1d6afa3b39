import type { Pid } from '../../image/pid.js';
import { readProcText } from './proc-file.js';

/** What the scheduler says of a thread (/proc/PID/sched; proc_pid_sched(5)). */
export interface SchedFile {
  /**
   * When the thread last got a processor, or was last seen running on one: the time that this processor has spent on tasks, in
   * nanoseconds (rq_clock_task; not any CLOCK_*). 0 when it has been moved to another processor since
   * (kernel/sched/fair.c, migrate_task_rq_fair).
   */
  execStartNs: bigint;
  /** How often it went to sleep. */
  voluntarySwitches: number;
}

const EXEC_START = /^se\.exec_start\s*:\s*(\d+)\.(\d{6})$/m;
const VOLUNTARY = /^nr_voluntary_switches\s*:\s*(\d+)$/m;

/** The text of a sched file; undefined where a kernel tells less. */
export function parseSched(text: string): SchedFile | undefined {
  const start = EXEC_START.exec(text);
  const switches = VOLUNTARY.exec(text);
  if (!start || !switches) return undefined;
  return {
    execStartNs: BigInt(start[1]!) * 1_000_000n + BigInt(start[2]!),
    voluntarySwitches: Number(switches[1]),
  };
}

/** @throws ProcGone, ProcFileError NO_PROC_FILE on a kernel without CONFIG_SCHED_DEBUG */
export function readSched(pid: Pid, tid?: Pid): SchedFile | undefined {
  return parseSched(readProcText(pid, 'sched', tid));
}
