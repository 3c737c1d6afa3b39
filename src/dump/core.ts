import { stringOfBytes } from '../image/utf8.js';
import type { Messages } from '../image/generated/messages.js';
import { ProcFileError, readProcBytes } from '../kernel/proc-file.js';
import { readCoredumpFilter, readLoginUid, readOomScoreAdj, readPersonality } from '../kernel/scalar-files.js';
import type { Batch } from '../task/batch.js';
import { threadInfo } from './arch/x86_64/registers.js';
import type { DumpContext, DumpTask, Entry } from './context.js';
import { credsOf } from './creds.js';
import type { FrozenTask } from './freeze.js';
import { askItimers } from './itimers.js';
import { askPosixTimers } from './posix-timers.js';
import { askSelf, askSettings, askThreadSelf, type ProcessSettings, type ThreadSelf } from './prctl.js';
import { rlimitsOf } from './rlimits.js';
import { robustListOf } from './robust-list.js';
import { schedOf } from './sched.js';
import { askSigactions } from './sigactions.js';

/** core_entry.march, and the states of task_core_entry (compel/include/uapi/task-state.h) */
const X86_64 = 1;
const TASK_ALIVE = 1;
const TASK_DEAD = 2;
const TASK_STOPPED = 3;

/** What one thread answered. */
export interface ThreadParts {
  self: ThreadSelf;
}

/** What the leader answered, for itself and for the process. */
export interface CoreParts extends ThreadParts {
  settings: ProcessSettings;
  sigactions: Messages['sa_entry'][];
  timers: Messages['task_timers_entry'];
}

/** Adds to the leader's batch everything that only the process itself can tell. Some 75 operations. */
export function askTask(task: DumpTask, b: Batch): () => CoreParts {
  const self = askSelf(b);
  const settings = askSettings(b);
  const sigactions = askSigactions(b);
  const itimers = askItimers(b);
  const posix = askPosixTimers(task.pid, task.tids, b);
  return () => ({
    self: self(),
    settings: settings(),
    sigactions: sigactions(),
    timers: { ...itimers(), posix: posix() },
  });
}

/** Asks a thread that is not the leader. 8 stops. */
export function askThread(task: DumpTask, index: number): ThreadParts {
  return { self: askThreadSelf(task.borrowed, task.threads[index]!) };
}

/** The core entries of a process, leader first. */
export function buildCores(ctx: DumpContext, task: DumpTask, parts: readonly ThreadParts[]): Entry<'core_entry'>[] {
  return task.threads.map((thread, i) => {
    const { self } = parts[i]!;
    const peeked = task.peeked[i]!;
    const entry: Entry<'core_entry'> = {
      mtype: X86_64,
      thread_info: threadInfo(thread, self.clearTidAddress, peeked.tls),
      thread_core: {
        ...robustListOf(thread.tracee.tid),
        ...schedOf(thread.tracee.tid),
        ...(i > 0 && { blk_sigset: thread.sigmask }),
        sas: self.altstack,
        ...(self.pdeathSignal !== 0 && { pdeath_sig: self.pdeathSignal }),
        signals_p: queue(peeked.ownSignals),
        creds: credsOf(peeked.status, self.securebits),
        comm: commOf(task.pid, thread.tracee.tid),
        ...(peeked.rseq && { rseq_entry: peeked.rseq }),
      },
    };
    if (i === 0) entry.tc = taskCore(ctx, task, parts[0] as CoreParts);
    return entry;
  });
}

function queue(signals: readonly Uint8Array[]): Messages['signal_queue_entry'] {
  return signals.length ? { signals: signals.map((siginfo) => ({ siginfo })) } : {};
}

function commOf(pid: number, tid: number): string {
  const bytes = readProcBytes(pid, 'comm', tid);
  return stringOfBytes(bytes, 0, bytes.length - 1); // all but the newline
}

function taskCore(ctx: DumpContext, task: DumpTask, parts: CoreParts): Messages['task_core_entry'] {
  const { pid, frozen } = task;
  const { settings } = parts;
  const optional = <T>(read: (pid: number) => T): T | undefined => {
    try {
      return read(pid);
    } catch (error) {
      // a kernel built without the file, or a file that is not for everyone
      if (!(error instanceof ProcFileError)) throw error;
      ctx.log.debug(`task ${pid}: ${error.message}`);
      return undefined;
    }
  };
  const loginuid = optional(readLoginUid);
  const oom = optional(readOomScoreAdj);
  const coredump = optional(readCoredumpFilter);
  return {
    task_state: frozen.stopSignal ? TASK_STOPPED : TASK_ALIVE,
    exit_code: 0,
    personality: optional(readPersonality) ?? 0,
    flags: frozen.stat.flags,
    blk_sigset: task.threads[0]!.sigmask,
    comm: commOf(pid, pid),
    timers: parts.timers,
    rlimits: rlimitsOf(pid),
    signals_s: queue(task.peeked[0]!.sharedSignals),
    ...(loginuid !== undefined && { loginuid }),
    ...(oom !== undefined && { oom_score_adj: oom }),
    sigactions: parts.sigactions,
    child_subreaper: settings.childSubreaper,
    ...(frozen.stopSignal && { stop_signo: frozen.stopSignal }),
    ...(settings.membarrier && { membarrier_registration_mask: settings.membarrier }),
    ...(coredump !== undefined && { coredump_filter: coredump }),
    ...(settings.mceKillPolicy !== undefined && { mce_kill_policy: settings.mceKillPolicy }),
    ...(settings.tscDisabled && { tsc_disabled: true }),
  };
}

/** The core of a process that has ended and whose parent has not waited for it. */
export function zombieCore(task: FrozenTask): Entry<'core_entry'> {
  return {
    mtype: X86_64,
    tc: {
      task_state: TASK_DEAD,
      exit_code: task.stat.exitCode,
      personality: 0,
      flags: 0,
      blk_sigset: 0n,
      comm: commOf(task.pid, task.pid),
    },
  };
}
