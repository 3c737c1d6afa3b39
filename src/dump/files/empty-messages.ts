import type { DumpContext } from '../context.js';
import type { Description } from './description.js';

/**
 * Warns of messages of no bytes where the process runs on: the kernel marks one that was peeked at, and a further peek by
 * offset passes it over (net/core/datagram.c, `peeked`). Who reads it finds it as before; the next dump does not.
 */
export function warnOfEmpty(
  ctx: DumpContext,
  file: Description,
  messages: readonly { readonly data: Uint8Array }[],
): void {
  if (ctx.options.leaveRunning && messages.some(({ data }) => data.length === 0))
    ctx.log.warn(
      `${file.where} (${file.link}): a message of no bytes is in its queue: until that is read, a further dump would not see it`,
    );
}
