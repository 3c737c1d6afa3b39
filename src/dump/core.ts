import { stringOfBytes } from '../image/utf8.js';
import { type Messages } from '../image/generated/messages.js';
import { TASK } from '../image/task-state.js';
import { ProcFileError, readProcBytes } from '../kernel/proc/proc-file.js';
import { SIGCHLD, SIGSTOP } from '../kernel/uapi/signal.js';
import { readCoredumpFilter, readLoginUid, readOomScoreAdj, readPersonality } from '../kernel/proc/scalar-files.js';
import { readStatus } from '../kernel/proc/status.js';
import { addon } from '../native/addon.js';
import type { Batch } from '../task/batch.js';
import type { BorrowedThread } from '../task/borrowed-thread.js';
import { regsForImage } from '../task/restart.js';
import { coreOf, MTYPE, REG } from '../arch/index.js';
import type { Cgroups } from './cgroups.js';
import type { DumpContext, DumpTask, Entry } from './context.js';
import { credsOf } from './creds.js';
import type { FrozenTask } from './freeze.js';
import { checkKeyrings } from './keyrings.js';
import type { StandIns } from './landlock.js';
import { askItimers } from './itimers.js';
import { warnOfParentThread } from './parent-thread.js';
import type { PeekedThread } from './peek.js';
import { askPosixTimers } from './posix-timers.js';
import { askSelf, askSettings, type ProcessSettings, type ThreadSelf } from './prctl.js';
import { rlimitsOf } from './rlimits.js';
import { robustListOf } from './robust-list.js';
import type { Seccomp } from './seccomp.js';
import { schedOf } from './sched.js';
import { askSigactions } from './sigactions.js';

/** What the process answered, each thread for itself, leader first. */
export interface CoreParts {
  self: ThreadSelf[];
  settings: ProcessSettings;
  sigactions: Messages['sa_entry'][];
  timers: Messages['task_timers_entry'];
}

/** Asks the process everything that only it can tell. The leader's batch (some 75 operations) is the caller's to run. */
export function askTask(task: DumpTask, b: Batch, standIns: StandIns): () => CoreParts {
  const self = task.tids.map((tid, i) => {
    const ask = (ring: Batch) => askSelf(ring, tid, task.peeked[i]!.status, standIns);
    return i === 0 ? ask(b) : task.borrowed.inThread(i, ask);
  });
  const settings = askSettings(task.pid, b);
  const sigactions = askSigactions(b);
  const itimers = askItimers(b);
  const posix = askPosixTimers(task.pid, task.tids, b);
  return () => ({
    self: self.map((answer) => answer()),
    settings: settings(),
    sigactions: sigactions(),
    timers: { ...itimers(), posix: posix() },
  });
}

/** What a core entry says of a thread's processor. */
function archPart(thread: BorrowedThread, clearTidAddress: bigint, { tls, timed }: PeekedThread) {
  const own = timed ? thread.regs.with(REG.call, timed.nr) : thread.regs;
  const { regs, restartError } = regsForImage(own);
  const dumped = { regs, restartError, timeLeftNs: timed?.leftNs, xstate: thread.xstate, clearTidAddress, tls };
  return coreOf(dumped, (leaf, sub) => addon().cpuid(leaf, sub));
}

/** The core entries of a process, leader first. */
export function buildCores(
  ctx: DumpContext,
  cgroups: Cgroups,
  seccomp: Seccomp,
  task: DumpTask,
  parts: CoreParts,
): Entry<'core_entry'>[] {
  const restrictions = seccomp.of(task);
  checkKeyrings(
    ctx,
    task.pid,
    parts.self.map((self) => self.keyrings),
  );
  return task.threads.map((thread, i) => {
    const self = parts.self[i]!;
    const peeked = task.peeked[i]!;
    const entry: Entry<'core_entry'> = {
      ...archPart(thread, self.clearTidAddress, peeked),
      thread_core: {
        ...robustListOf(thread.tracee.tid),
        ...schedOf(thread.tracee.tid),
        timer_slack_ns: self.timerSlackNs,
        ...self.memoryPolicy,
        ...cgroups.of(thread.tracee.tid),
        ...(i > 0 && { blk_sigset: thread.sigmask }),
        sas: self.altstack,
        ...(self.pdeathSignal !== 0 && { pdeath_sig: self.pdeathSignal }),
        signals_p: queue(peeked.ownSignals),
        creds: credsOf(peeked.status, self.securebits),
        ...restrictions[i],
        comm: commOf(task.pid, thread.tracee.tid),
        ...(self.personality !== parts.self[0]!.personality && { personality: self.personality }),
        ...(peeked.rseq && { rseq_entry: peeked.rseq }),
        ...(self.keyrings && { keyrings: self.keyrings.entry }),
      },
    };
    if (self.pdeathSignal !== 0) warnOfParentThread(ctx, task, self.pdeathSignal);
    if (i === 0) entry.tc = taskCore(ctx, task, parts);
    return entry;
  });
}

/** A queue for the image. SIGSTOP is not part of it: sent again it would stop the restore itself (see `stopOf`). */
function queue(all: readonly Uint8Array[]): Messages['signal_queue_entry'] {
  const signals = all.filter((siginfo) => !isStop(siginfo));
  return signals.length ? { signals: signals.map((siginfo) => ({ siginfo })) } : {};
}

const isStop = (siginfo: Uint8Array) => siginfo[0] === SIGSTOP;

/** The signal that has stopped a process; a SIGSTOP on its way comes to the same. 0 when it runs. */
function stopOf({ frozen, peeked }: DumpTask): number {
  const pending = peeked.some(({ ownSignals, sharedSignals }) => [...ownSignals, ...sharedSignals].some(isStop));
  return frozen.stopSignal || (pending ? SIGSTOP : 0);
}

function commOf(pid: number, tid: number): string {
  const bytes = readProcBytes(pid, 'comm', tid);
  return stringOfBytes(bytes, 0, bytes.length - 1); // all but the newline
}

const LACKING: readonly string[] = ['NO_PROC_FILE', 'EACCES', 'EPERM'];

function taskCore(ctx: DumpContext, task: DumpTask, parts: CoreParts): Messages['task_core_entry'] {
  const { pid, frozen } = task;
  const { settings } = parts;
  const optional = <T>(read: (pid: number) => T): T | undefined => {
    try {
      return read(pid);
    } catch (error) {
      // a kernel built without the file, or a file that is not for everyone
      if (!(error instanceof ProcFileError && LACKING.includes(error.code))) throw error;
      if (error.code === 'NO_PROC_FILE') ctx.log.debug(`task ${pid}: ${error.message}`);
      else ctx.log.warn(`task ${pid}: ${error.message}: it will come back with what a new process has`);
      return undefined;
    }
  };
  const stopSignal = stopOf(task);
  const loginuid = optional(readLoginUid);
  const oom = optional(readOomScoreAdj);
  const coredump = optional(readCoredumpFilter);
  return {
    task_state: stopSignal ? TASK.STOPPED : TASK.ALIVE,
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
    ...(stopSignal && { stop_signo: stopSignal }),
    ...(settings.membarrier && { membarrier_registration_mask: settings.membarrier }),
    ...(coredump !== undefined && { coredump_filter: coredump }),
    ...(settings.mceKillPolicy !== undefined && { mce_kill_policy: settings.mceKillPolicy }),
    ...(settings.tscDisabled && { tsc_disabled: true }),
    ...(settings.memoryMerge && { memory_merge: true }),
    ...exitSignalOf(frozen),
  };
}

/** Children of clone(2) may have another one than SIGCHLD, or none. */
function exitSignalOf({ stat }: Pick<FrozenTask, 'stat'>): { exit_signal?: number } {
  return stat.exitSignal === SIGCHLD || stat.exitSignal < 0 ? {} : { exit_signal: stat.exitSignal };
}

/** The core of a process that has ended and whose parent has not waited for it. */
export function zombieCore(task: Pick<FrozenTask, 'pid' | 'stat'>): Entry<'core_entry'> {
  return {
    mtype: MTYPE,
    tc: {
      task_state: TASK.DEAD,
      exit_code: task.stat.exitCode,
      personality: 0,
      flags: 0,
      blk_sigset: 0n,
      comm: commOf(task.pid, task.pid),
      ...exitSignalOf(task),
      zombie_creds: credsOf(readStatus(task.pid), 0),
    },
  };
}
