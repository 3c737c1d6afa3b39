import type { Messages } from '../image/generated/messages.js';
import { ACTION_SIGNALS, SIGACTION, SIGACTION_BYTES, SIGSET_BYTES } from '../kernel/uapi/signal.js';
import type { Batch } from '../task/batch.js';

/** rt_sigaction(2) of every signal. 62 operations. */
export function askSigactions(b: Batch): () => Messages['sa_entry'][] {
  const size = ACTION_SIGNALS.length * SIGACTION_BYTES;
  b.reserve(ACTION_SIGNALS.length, size);
  const out = b.out(size);
  ACTION_SIGNALS.forEach((signal, i) => {
    b.call('rt_sigaction', signal, null, out.address + i * SIGACTION_BYTES, SIGSET_BYTES);
  });
  return () =>
    ACTION_SIGNALS.map((_, i) => {
      const at = i * SIGACTION_BYTES;
      return {
        sigaction: out.view.getBigUint64(at + SIGACTION.handler, true),
        flags: out.view.getBigUint64(at + SIGACTION.flags, true),
        restorer: out.view.getBigUint64(at + SIGACTION.restorer, true),
        mask: out.view.getBigUint64(at + SIGACTION.mask, true),
        compat_sigaction: false,
      };
    });
}
