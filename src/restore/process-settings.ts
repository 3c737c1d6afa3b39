import { readFileSync, writeFileSync } from 'node:fs';
import { CritError } from '../image/errors.js';
import type { Messages } from '../image/generated/messages.js';
import type { Pid } from '../image/pid.js';
import { MCL_FUTURE, MCL_ONFAULT } from '../kernel/uapi/mman.js';
import * as PR from '../kernel/uapi/prctl.js';
import { readCoredumpFilter, readLoginUid, readOomScoreAdj } from '../kernel/proc/scalar-files.js';
import type { Batch } from '../task/batch.js';
import { whyFailed } from '../image/system-words.js';
import { O_WRONLY } from '../kernel/uapi/open-flags.js';

type TaskCore = Messages['task_core_entry'];

/** What a process is set to as a whole, by prctl(2) and the like. */
export function restoreSettings(b: Batch, tc: TaskCore, mm: Messages['mm_entry'] | undefined): void {
  using _doing = b.doing('setting process flags');
  b.call('prctl', PR.PR_SET_CHILD_SUBREAPER, tc.child_subreaper ? 1 : 0, 0, 0, 0);
  if (mm?.thp_disabled) b.call('prctl', PR.PR_SET_THP_DISABLE, 1, mm.thp_disable_flags ?? 0, 0, 0);
  // nothing is mapped any more after this
  if (mm?.lock_future) b.call('mlockall', mm.lock_future & (MCL_FUTURE | MCL_ONFAULT));
  if (tc.memory_merge) b.call('prctl', PR.PR_SET_MEMORY_MERGE, 1, 0, 0, 0);
  const registrations = tc.membarrier_registration_mask ?? 0;
  for (let bit = 0; bit < 31; bit++) if ((registrations >>> bit) & 1) b.call('membarrier', 1 << bit, 0, 0);
}

/** A login id that was never set (proc_pid_loginuid(5)). */
const NO_LOGIN = 0xffff_ffff;

/** What files of /proc tell of a task before anything is set; undefined for what this kernel has not. */
export interface ProcNow {
  oomScoreAdj: number | undefined;
  coredumpFilter: number | undefined;
  loginUid: number | undefined;
}

export function procNow(pid: Pid): ProcNow {
  return {
    oomScoreAdj: unless(() => readOomScoreAdj(pid)),
    coredumpFilter: unless(() => readCoredumpFilter(pid)),
    loginUid: unless(() => readLoginUid(pid)),
  };
}

/** What is set through files of /proc. The task may have none in its root: crit writes what it may write for it. */
export function restoreProcFiles(pid: Pid, b: Batch, tc: TaskCore, now: ProcNow): void {
  if (now.oomScoreAdj !== tc.oom_score_adj) restoreOomScore(pid, tc.oom_score_adj);
  if (tc.coredump_filter !== undefined && now.coredumpFilter !== tc.coredump_filter)
    writeFileSync(`/proc/${pid}/coredump_filter`, `0x${tc.coredump_filter.toString(16)}`);
  const { loginuid } = tc;
  if (loginuid === undefined || loginuid === NO_LOGIN || now.loginUid === loginuid) return;
  // only the task itself may, once, with CAP_AUDIT_CONTROL
  const text = String(loginuid);
  b.reserve(3, 64);
  const fd = b.tryCall('openat', -100, '/proc/self/loginuid', O_WRONLY, 0);
  b.tryCall('write', fd, text, text.length);
  b.tryCall('close', fd);
}

function restoreOomScore(pid: Pid, wanted: number | undefined): void {
  if (wanted === undefined) return;
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, String(wanted));
  } catch (error) {
    // 0 was nobody's wish: what crit was given then holds for the task too
    if (wanted === 0) return;
    throw new CritError(
      `process ${pid}: setting oom_score_adj to ${wanted}: ${whyFailed(error)} (it is -1000 to 1000; lowering it needs CAP_SYS_RESOURCE)`,
      { code: 'OOM_SCORE', cause: error },
    );
  }
}

function unless<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** Every flag of a personality(2), and the types with it. */
const PERSONALITY_BITS = 0x0ffe_00ff;

/**
 * The personality of an image. CRIU 4.2 reads the hexadecimal file of /proc as a decimal number: one with bits that mean
 * nothing is taken for such.
 */
export function personalityOf(value: number): number {
  return value & ~PERSONALITY_BITS ? Number.parseInt(String(value), 16) : value;
}

let own: number | undefined;

/** Of the calling thread. */
export function restorePersonality(b: Batch, value: number): void {
  own ??= Number.parseInt(readFileSync('/proc/self/personality', 'utf8'), 16);
  const wanted = personalityOf(value);
  if (wanted !== own) b.call('personality', wanted);
}

/** The dumpable flag: changed credentials have reset it. 2 ("root only") cannot be asked for. */
export function restoreDumpable(b: Batch, dumpable: number | undefined): void {
  if (dumpable === undefined) return;
  b.call('prctl', PR.PR_SET_DUMPABLE, dumpable === PR.SUID_DUMP_USER ? 1 : 0, 0, 0, 0);
}
