import { imageFileName } from '../image/catalogue.js';
import { CritError } from '../image/errors.js';
import type { Messages } from '../image/generated/messages.js';
import * as PR from '../kernel/uapi/prctl.js';
import { SIGCHLD, signalBit, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU } from '../kernel/uapi/signal.js';
import { readStatus } from '../kernel/proc/status.js';
import { sysRaw } from '../native/sys.js';
import type { Batch } from '../task/batch.js';
import type { RestoreTask } from './context.js';
import type { Part } from './part.js';
import { restoreCreds, type CredsNow } from './creds.js';
import type { StoppedChildren } from './finish.js';
import type { KeyringJoiner } from './keyrings.js';
import { restoreThreadPolicy } from './mempolicy.js';
import { restoreItimers } from './itimers.js';
import { restorePending, signalsOfQueue } from './pending-signals.js';
import { createPosixTimers, PosixTimerStarter, posixTimersOf } from './posix-timers.js';
import { restorePersonality, restoreProcFiles, restoreSettings, procNow, type ProcNow } from './process-settings.js';
import { restoreRlimits } from './rlimits.js';
import type { Seccomp } from './seccomp.js';
import { restoreSched } from './sched.js';
import { actsByDefault, restoreSigactions } from './sigactions.js';
import { TASK } from '../image/task-state.js';
import { restoreRseq, restoreThreadSettings } from './thread-settings.js';

export { registersOf, type Registers } from './registers.js';

/** What all puppets of a restore have before the first is changed: they are forked from one. */
interface Beginning extends ProcNow {
  creds: CredsNow;
}

function beginningOf({ puppet }: RestoreTask): Beginning {
  return {
    creds: {
      status: readStatus(puppet!.tid),
      // exec has cleared what keeps capabilities over a change of ids
      securebits: sysRaw('prctl', PR.PR_GET_SECUREBITS, 0, 0, 0, 0) & ~PR.SECBIT_KEEP_CAPS,
    },
    ...procNow(puppet!.tid),
  };
}

/** Everything that the cores of a process tell but registers and memory: settings, signals, timers, limits, credentials. */
export function attributes(seccomp: Seccomp, keyrings: KeyringJoiner): Part {
  let beginning: Beginning | undefined;
  return {
    name: 'attributes of processes and threads',
    at: {
      task: ({ task, b }) => {
        beginning ??= beginningOf(task);
        flushSigchld(b);
        restoreTaskAttributes(task, b, beginning);
        seccomp.restrictAll(task, b);
      },
      thread: ({ task, index, b }) => {
        restoreThreadAttributes(task, index, b, beginning!, seccomp, keyrings);
      },
      leader: ({ task, b }) => {
        restoreThreadAttributes(task, 0, b, beginning!, seccomp, keyrings);
      },
    },
  };
}

/** The SIGCHLDs of helpers and zombies are crit's doing: ignoring the signal for a moment drops them. */
function flushSigchld(b: Batch): void {
  const ignore = new BigUint64Array([1n, 0n, 0n, 0n]);
  b.call('rt_sigaction', SIGCHLD, new Uint8Array(ignore.buffer), null, 8);
}

/** Whether a process is to be stopped again: it stood in a job-control stop, or a SIGSTOP was on its way. */
export function wasStopped(task: RestoreTask): boolean {
  return coreOf(task).tc.task_state === TASK.STOPPED || hasPending(task, SIGSTOP);
}

function hasPending(task: RestoreTask, signal: number): boolean {
  const pending = (queue: Messages['signal_queue_entry'] | undefined) =>
    (queue?.signals ?? []).some(({ siginfo }) => siginfo[0] === signal);
  return pending(coreOf(task).tc.signals_s) || task.cores.some(({ thread_core }) => pending(thread_core?.signals_p));
}

/** What a process knows of those of its children that are to be stopped again. @param tasks all that are alive */
export function stoppedChildren(task: RestoreTask, tasks: readonly RestoreTask[]): StoppedChildren {
  const children = tasks.filter((child) => child.parent === task && wasStopped(child));
  return {
    children: children.length,
    told: children.filter((child) => coreOf(child).tc.stop_told).map(({ pid }) => pid),
    signalled: hasPending(task, SIGCHLD),
  };
}

/**
 * The signal that stops a process as it was stopped: waitid(2) tells its parent. SIGSTOP where another would not stop
 * for sure: when it is caught, ignored or blocked, or may find the process group orphaned (setpgid(2)).
 */
export function stopSignal(task: RestoreTask, tasks: readonly RestoreTask[]): number {
  const { tc } = coreOf(task);
  const signal = tc.stop_signo ?? SIGSTOP;
  const stops = signal === SIGTSTP || signal === SIGTTIN || signal === SIGTTOU;
  const certain =
    stops &&
    tc.task_state === TASK.STOPPED &&
    actsByDefault(tc.sigactions, signal) &&
    (tc.blk_sigset & signalBit(signal)) === 0n &&
    tasks.some(
      ({ entry, parent }) =>
        entry.pgid === task.entry.pgid && parent?.entry.sid === entry.sid && parent.entry.pgid !== entry.pgid,
    );
  return certain ? signal : SIGSTOP;
}

function coreOf(task: RestoreTask): Messages['core_entry'] & { tc: Messages['task_core_entry'] } {
  const core = task.cores[0];
  if (!core?.tc)
    throw new CritError(`${imageFileName('CORE', task.pid)}: the leader's core has no tc`, { code: 'BAD_IMAGE' });
  return core as ReturnType<typeof coreOf>;
}

/** What belongs to the process. Its threads must exist (timers may be directed at them); to be followed by each of them. */
function restoreTaskAttributes(task: RestoreTask, b: Batch, beginning: Beginning): void {
  const { tc } = coreOf(task);
  const tid = task.puppet!.tid;
  restoreSigactions(task.pid, b, tc.sigactions);
  restoreSettings(b, tc, task.memory?.mm);
  restoreProcFiles(tid, b, tc, beginning);
  createPosixTimers(task.pid, b, posixTimersOf(tc.timers, task.entry.threads ?? []));
}

/**
 * What belongs to a thread, in its own batch: the leader (index 0) last, for it also starts what runs by itself (timers),
 * gives the process its limits, and loses the privileges that the others' restoring may need.
 *
 * Order: names and registrations; scheduling; timers and pending signals; limits; seccomp; credentials; keyrings; what these clear
 * (but for the dumpable flag, which comes last of all: restore.ts).
 */
function restoreThreadAttributes(
  task: RestoreTask,
  index: number,
  b: Batch,
  beginning: Beginning,
  seccomp: Seccomp,
  keyrings: KeyringJoiner,
): void {
  const { tc } = coreOf(task);
  const core = task.cores[index];
  const thread = core?.thread_core;
  if (!core || !thread)
    throw new CritError(`process ${task.pid}: thread ${index} has no thread_core`, { code: 'BAD_IMAGE' });
  const leader = index === 0;
  const tid = task.tids[index]!;
  restoreThreadSettings(b, core);
  restoreRseq(b, thread.rseq_entry);
  if (tc.mce_kill_policy !== undefined) b.call('prctl', PR.PR_MCE_KILL, PR.PR_MCE_KILL_SET, tc.mce_kill_policy, 0, 0);
  if (tc.tsc_disabled) b.call('prctl', PR.PR_SET_TSC, PR.PR_TSC_SIGSEGV, 0, 0, 0);
  restorePersonality(b, thread.personality ?? tc.personality);
  restoreSched(b, thread);
  restoreThreadPolicy(b, thread);

  const shared = leader ? signalsOfQueue(`${imageFileName('CORE', task.pid)}: tc.signals_s`, tc.signals_s) : [];
  const own = signalsOfQueue(`${imageFileName('CORE', tid)}: thread_core.signals_p`, thread.signals_p);
  const timers = tc.timers?.posix?.length
    ? new PosixTimerStarter(b, posixTimersOf(tc.timers, task.entry.threads ?? []), tid, leader, [...shared, ...own])
    : undefined;
  timers?.countOverruns();
  restorePending(b, 'process', shared, timers);
  restorePending(b, 'thread', own, timers);
  timers?.startRest();

  if (leader) {
    if (tc.timers) restoreItimers(b, tc.timers);
    restoreRlimits(b, tc.rlimits?.rlimits ?? []);
  }
  seccomp.restrict(task, index, b);
  if (thread.creds) restoreCreds(b, thread.creds, beginning.creds);
  keyrings.ofThread(task, index, b);
  if (thread.pdeath_sig) b.call('prctl', PR.PR_SET_PDEATHSIG, thread.pdeath_sig, 0, 0, 0);
}
