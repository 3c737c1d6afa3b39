import { imageFileName } from '../image/catalogue.js';
import { CritError } from '../image/errors.js';
import {
  ACTION_SIGNALS,
  SIGACTION,
  SIGACTION_BYTES,
  SIGCHLD,
  SIGSET_BYTES,
  signalName,
} from '../kernel/uapi/signal.js';
import type { Messages } from '../image/generated/messages.js';
import type { ImagePid } from '../image/pid.js';
import type { Batch } from '../task/batch.js';

/** Every action the default, in the root and thereby in all that it forks: an ignored signal of crit's survives exec. */
export function defaultSigactions(b: Batch): void {
  for (const signal of ACTION_SIGNALS)
    b.call('rt_sigaction', signal, new Uint8Array(SIGACTION_BYTES), null, SIGSET_BYTES);
}

/** Whether the images leave a signal's action the default. */
export function actsByDefault(entries: readonly Messages['sa_entry'][] = [], signal: number): boolean {
  return entries[ACTION_SIGNALS.indexOf(signal)]?.sigaction === 0n;
}

/** What `defaultSigactions` has left, for the one signal that is otherwise while a restore goes on. */
function isDefault(signal: number, { sigaction, flags, restorer, mask }: Messages['sa_entry']): boolean {
  return signal !== SIGCHLD && (sigaction | flags | restorer | mask) === 0n;
}

/**
 * rt_sigaction(2) of every signal that has not its default. To be
 * done before pending signals come: setting an action that ignores a signal throws away what is pending of it.
 */
export function restoreSigactions(pid: ImagePid, b: Batch, entries: readonly Messages['sa_entry'][] = []): void {
  if (entries.length !== ACTION_SIGNALS.length)
    throw new CritError(
      `${imageFileName('CORE', pid)}: tc.sigactions: ${entries.length} elements, ${ACTION_SIGNALS.length} wanted`,
      {
        code: 'BAD_IMAGE',
      },
    );
  ACTION_SIGNALS.forEach((signal, i) => {
    const entry = entries[i]!;
    if (entry.compat_sigaction)
      throw new CritError(`process ${pid}: the action of ${signalName(signal)} belongs to 32-bit code: not supported`, {
        code: 'UNSUPPORTED',
      });
    if (isDefault(signal, entry)) return;
    const action = new DataView(new ArrayBuffer(SIGACTION_BYTES));
    action.setBigUint64(SIGACTION.handler, entry.sigaction, true);
    action.setBigUint64(SIGACTION.flags, entry.flags, true);
    action.setBigUint64(SIGACTION.restorer, entry.restorer, true);
    action.setBigUint64(SIGACTION.mask, entry.mask, true);
    using _doing = b.doing(`setting the action of ${signalName(signal)}`);
    b.call('rt_sigaction', signal, new Uint8Array(action.buffer), null, SIGSET_BYTES);
  });
}
