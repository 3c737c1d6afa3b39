import { CritError } from '../image/errors.js';
import type { Messages } from '../image/generated/messages.js';
import { NSIG, SI_TIMER, SIGINFO, SIGINFO_BYTES, SIGKILL, SIGSTOP, signalName } from '../kernel/uapi/signal.js';
import type { Batch } from '../task/batch.js';
import type { PosixTimerStarter } from './posix-timers.js';

/** The siginfo_t of a queue, checked. */
export function signalsOfQueue(where: string, queue: Messages['signal_queue_entry'] | undefined): Uint8Array[] {
  return (queue?.signals ?? []).map(({ siginfo }, i) => {
    const signal = siginfo.length === SIGINFO_BYTES ? viewOf(siginfo).getInt32(SIGINFO.signo, true) : 0;
    if (signal < 1 || signal > NSIG || signal === SIGKILL)
      throw new CritError(`${where}.signals[${i}].siginfo: ${siginfo.length} bytes, signal ${signal}`, {
        code: 'BAD_IMAGE',
      });
    return siginfo;
  });
}

/**
 * Sends signals again, to the process or to the calling thread, in their order. The sender of a signal may write any
 * siginfo to itself, what the kernel sent included (rt_sigqueueinfo(2)). All signals must be blocked, so that none is taken and
 * none is dropped for being ignored; timers send their own.
 */
export function restorePending(
  b: Batch,
  to: 'process' | 'thread',
  signals: readonly Uint8Array[],
  timers: PosixTimerStarter | undefined,
): void {
  if (signals.length === 0) return;
  b.run();
  for (const original of signals) {
    const signal = viewOf(original).getInt32(SIGINFO.signo, true);
    if (timers?.pending(original)) continue;
    // It cannot be blocked: it would stop the puppet. The task is stopped at the end instead (see wasStopped).
    if (signal === SIGSTOP) continue;
    const siginfo = original.slice();
    // What the kernel notes for its own timers means nothing in a signal that is queued by hand.
    if (viewOf(siginfo).getInt32(SIGINFO.code, true) === SI_TIMER)
      viewOf(siginfo).setUint32(SIGINFO.sysPrivate, 0, true);
    using _doing = b.doing(`sending the pending ${signalName(signal)} again`);
    b.reserve(3, SIGINFO_BYTES + 16);
    const pid = b.call('getpid');
    if (to === 'process') b.call('rt_sigqueueinfo', pid, signal, siginfo);
    else b.call('rt_tgsigqueueinfo', pid, b.call('gettid'), signal, siginfo);
  }
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
