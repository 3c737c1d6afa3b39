import type { CoreEntry, SignalQueueEntry } from '../../image/generated/messages.js';
import {
  ACTION_SIGNALS,
  SA_NOCLDSTOP,
  SA_NOCLDWAIT,
  SA_NODEFER,
  SA_ONSTACK,
  SA_RESETHAND,
  SA_RESTART,
  SA_SIGINFO,
  SIG_DFL,
  SIG_IGN,
  SIGINFO,
  signalName,
  signalsOf,
} from '../../kernel/uapi/signal.js';

/** What a process does at a signal; signals with the default action have none. */
export interface SignalAction {
  readonly signal: string;
  /** Its address; `ignore` for SIG_IGN. */
  readonly handler: bigint | 'ignore';
  readonly flags: readonly string[];
  /** Blocked while the handler runs. */
  readonly mask: readonly string[];
}

/** A signal that waits to be delivered. */
export interface PendingSignal {
  readonly signal: string;
  /** SI_* of sigaction(2): 0 from kill(2), -1 queued, -2 from a timer. */
  readonly code: number;
  /** Who sent it; undefined when the kernel did, and when the image holds less than a siginfo_t. */
  readonly fromPid: number | undefined;
}

/** The signals of one thread; its process's are with the main one. */
export interface ThreadSignals {
  readonly tid: number;
  readonly blocked: readonly string[];
  readonly pending: readonly PendingSignal[];
}

/** Signals of a process. */
export interface SignalsInfo {
  readonly actions: readonly SignalAction[];
  /** For the process as a whole. */
  readonly pending: readonly PendingSignal[];
  readonly threads: readonly ThreadSignals[];
}

/** SA_RESTORER is always there. */
const FLAGS: readonly (readonly [string, number])[] = [
  ['SA_NOCLDSTOP', SA_NOCLDSTOP],
  ['SA_NOCLDWAIT', SA_NOCLDWAIT],
  ['SA_SIGINFO', SA_SIGINFO],
  ['SA_ONSTACK', SA_ONSTACK],
  ['SA_RESTART', SA_RESTART],
  ['SA_NODEFER', SA_NODEFER],
  ['SA_RESETHAND', SA_RESETHAND],
];

const names = (mask: bigint): string[] => signalsOf(mask).map(signalName);

function pendingOf(queue: SignalQueueEntry | undefined): PendingSignal[] {
  return (queue?.signals ?? []).map(({ siginfo }) => {
    const view = new DataView(siginfo.buffer, siginfo.byteOffset, siginfo.byteLength);
    const word = (at: number) => (at + 4 <= siginfo.byteLength ? view.getInt32(at, true) : 0);
    const code = word(SIGINFO.code);
    return {
      signal: signalName(word(SIGINFO.signo)),
      code,
      fromPid: code <= 0 && word(SIGINFO.pid) > 0 ? word(SIGINFO.pid) : undefined,
    };
  });
}

/** What a process does at signals, and which wait. @param cores of its threads by their tids, the main one's first */
export function signalsInfo(cores: ReadonlyMap<number, CoreEntry>): SignalsInfo {
  const [main] = cores.values();
  const actions: SignalAction[] = [];
  for (const [i, { sigaction, flags, mask }] of (main?.tc?.sigactions ?? []).entries()) {
    const signal = ACTION_SIGNALS[i];
    if (signal === undefined || sigaction === BigInt(SIG_DFL)) continue;
    actions.push({
      signal: signalName(signal),
      handler: sigaction === BigInt(SIG_IGN) ? 'ignore' : sigaction,
      flags: FLAGS.filter(([, bit]) => flags & BigInt(bit)).map(([name]) => name),
      mask: names(mask),
    });
  }
  const threads = Array.from(cores, ([tid, { tc, thread_core }]) => ({
    tid,
    blocked: names(tc?.blk_sigset ?? thread_core?.blk_sigset ?? 0n),
    pending: pendingOf(thread_core?.signals_p),
  }));
  return { actions, pending: pendingOf(main?.tc?.signals_s), threads };
}
