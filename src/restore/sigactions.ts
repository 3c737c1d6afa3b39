import { CritError } from '../image/errors.js';
import { NSIG, SIGACTION, SIGACTION_BYTES, SIGKILL, SIGSET_BYTES, SIGSTOP, signalName } from '../kernel/signal.js';
import type { Messages } from '../image/generated/messages.js';
import type { Batch } from '../task/batch.js';

/** Signals with an action, in the order of the images. */
const SIGNALS = Array.from({ length: NSIG }, (_, i) => i + 1).filter((s) => s !== SIGKILL && s !== SIGSTOP);

/**
 * rt_sigaction(2) of every signal: also those with the default, because an ignored signal of crit's would survive. To be
 * done before pending signals come: setting an action that ignores a signal throws away what is pending of it.
 */
export function restoreSigactions(pid: number, b: Batch, entries: readonly Messages['sa_entry'][] = []): void {
  if (entries.length !== SIGNALS.length)
    throw new CritError(`core-${pid}.img: tc.sigactions: ${entries.length} elements, ${SIGNALS.length} wanted`, {
      code: 'BAD_IMAGE',
    });
  SIGNALS.forEach((signal, i) => {
    const entry = entries[i]!;
    if (entry.compat_sigaction)
      throw new CritError(`process ${pid}: the action of ${signalName(signal)} belongs to 32-bit code: not supported`, {
        code: 'UNSUPPORTED',
      });
    const action = new DataView(new ArrayBuffer(SIGACTION_BYTES));
    action.setBigUint64(SIGACTION.handler, entry.sigaction, true);
    action.setBigUint64(SIGACTION.flags, entry.flags, true);
    action.setBigUint64(SIGACTION.restorer, entry.restorer, true);
    action.setBigUint64(SIGACTION.mask, entry.mask, true);
    b.doing(`setting the action of ${signalName(signal)}`);
    b.call('rt_sigaction', signal, new Uint8Array(action.buffer), null, SIGSET_BYTES);
  });
  b.doing(undefined);
}
