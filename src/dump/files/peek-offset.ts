import { SO_PEEK_OFF, SOL_SOCKET } from '../../kernel/uapi/socket.js';
import { sys, SysError } from '../../native/sys.js';
import { giveFd, type Given } from '../../task/descriptors.js';
import { RemoteError } from '../../task/remote-error.js';
import type { Description } from './description.js';
import { getOption } from './socket-options.js';
import { unsupported } from './unsupported.js';

/**
 * Lends SO_PEEK_OFF, by which one looks behind the first message: it is state of the socket, not of crit's descriptor.
 * What was set is set back, by the process itself should crit die.
 * @param own crit's own descriptor of the socket
 * @param work is given what sets the offset
 */
export function withPeekOffset<T>(file: Description, own: number, work: (seek: (offset: number) => void) => T): T {
  const { borrowed } = file.task;
  const seek = (offset: number) => sys('setsockopt', own, SOL_SOCKET, SO_PEEK_OFF, Int32Array.of(offset), 4);
  const before = getOption(own, SO_PEEK_OFF);
  using given = file.inFlight ? give(file, own) : undefined;
  const fd = given?.fd ?? file.fd;
  using _cure = borrowed.cure('setsockopt', fd, SOL_SOCKET, SO_PEEK_OFF, Int32Array.of(before), 4);
  try {
    return work(seek);
  } finally {
    seek(before);
  }
}

/** The process has no descriptor of a socket that is in flight itself. */
function give(file: Description, own: number): Given {
  try {
    return giveFd(file.task.borrowed, own);
  } catch (error) {
    if (!(error instanceof RemoteError || error instanceof SysError)) throw error;
    throw unsupported(
      file,
      `a unix socket with messages in its queue, of which the process cannot take a descriptor (${error.message}),`,
    );
  }
}
