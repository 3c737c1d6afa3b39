import { scmFds } from '../../kernel/proc/fdinfo.js';
import { POLLERR, POLLIN, POLLPRI, SOCK_DGRAM, SOCK_STREAM } from '../../kernel/uapi/socket.js';
import type { UnixSocket } from '../../kernel/netlink/unix-diag.js';
import { ERRNO } from '../../kernel/uapi/errno.js';
import { pollFd } from '../../native/poll.js';
import { SysError } from '../../native/sys.js';
import type { Description } from './description.js';
import { Peek, takeRights, type Queued } from './peek.js';
import { withPeekOffset } from './peek-offset.js';
import { peekStream } from './peek-stream.js';
import { unsupported } from './unsupported.js';

/** UnixSocket.shutdown */
const SHUTDOWN_RECEIVE = 1;
/** Room for a datagram at first. */
const ROOM_BYTES = 4096;

/** What poll(2) tells of a socket. */
export function pollSocket(socket: number, events = POLLIN | POLLPRI): number {
  const ready = pollFd(socket, events, 0);
  if (ready < 0) throw new SysError('poll', -ready, 'of a socket');
  return ready;
}

/** The queue of a socket. */
export interface Queue {
  readonly messages: readonly Queued[];
  /** Messages come with how much is left to read (SO_INQ); undefined where none came. */
  readonly tellsRest: boolean | undefined;
}

/**
 * What a unix socket has received and not read. Nothing is taken out: peeking gives duplicates of the descriptors that are
 * in flight, and gives them to crit, with which they end.
 * @param own crit's own descriptor of it
 * @param idOf the id of the file behind such a duplicate, which it takes over
 */
export function peekQueue(file: Description, socket: UnixSocket, own: number, idOf: (fd: number) => number): Queue {
  const none = { messages: [], tellsRest: undefined };
  const ready = pollSocket(own);
  if (!ready) return none;
  const stream = socket.type === SOCK_STREAM;
  const waiting = socket.receiveQueue;
  // peeking takes a pending error away, but of a stream only where the queue is empty
  if (waiting === 0 && (stream || ready & POLLERR)) return none;
  if (ready & POLLERR && !stream) throw unsupported(file, 'a unix socket with an error and messages in its queue');
  const inFlight = scmFds(file.info);
  const { queue, tellsRest } = withPeekOffset(file, own, (seek) => {
    const peek = new Peek(file, own, seek);
    const queue = stream
      ? peekStream(peek, own, waiting, (ready & POLLPRI) !== 0, idOf)
      : peekMessages(peek, socket, idOf);
    return { queue, tellsRest: peek.tellsRest };
  });
  const found = queue.reduce((sum, { rights }) => sum + rights.length, 0);
  if (inFlight !== undefined && found !== inFlight)
    throw unsupported(file, `a unix socket with ${inFlight} descriptors in its queue, of which ${found} can be seen,`);
  return { messages: queue, tellsRest };
}

function peekMessages(peek: Peek, socket: UnixSocket, idOf: (fd: number) => number): Queued[] {
  const queue: Queued[] = [];
  const hasEnd = socket.type !== SOCK_DGRAM && (socket.shutdown & SHUTDOWN_RECEIVE) !== 0;
  let room = new Uint8Array(ROOM_BYTES);
  for (let offset = 0; ;) {
    const message = peek.at(offset, room, ({ result: n, from, sender, fds }) => {
      if (n === -ERRNO.EAGAIN || (n === 0 && hasEnd && fds.length === 0)) return undefined;
      if (n < 0) throw new SysError('recvmsg', -n, `peeking at ${peek.file.where}`);
      return n > room.length ? n : { data: room.slice(0, n), rights: takeRights(fds, idOf), from, sender };
    });
    if (message === undefined) return queue;
    if (typeof message === 'number') room = new Uint8Array(message);
    else {
      queue.push(message);
      offset += message.data.length;
    }
  }
}
