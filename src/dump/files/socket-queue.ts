import { closeSync } from 'node:fs';
import { scmFds } from '../../kernel/proc/fdinfo.js';
import {
  MSG_CMSG_CLOEXEC,
  MSG_CTRUNC,
  MSG_DONTWAIT,
  MSG_PEEK,
  MSG_TRUNC,
  POLLERR,
  POLLIN,
  POLLPRI,
  SCM_CREDENTIALS,
  SCM_INQ,
  SCM_PIDFD,
  SCM_SECURITY,
  SO_TIMESTAMPING,
  SO_TIMESTAMPING_NEW,
  SOCK_DGRAM,
  SOCK_STREAM,
} from '../../kernel/uapi/socket.js';
import { TIMESTAMP_OPTIONS } from '../../kernel/uapi/socket-options.js';
import type { UnixSocket } from '../../kernel/netlink/unix-diag.js';
import { ERRNO } from '../../kernel/uapi/errno.js';
import { receiveMessage, type Received } from '../../native/message.js';
import { pollFd } from '../../native/poll.js';
import { SysError } from '../../native/sys.js';
import type { Description } from './description.js';
import { withPeekOffset } from './peek-offset.js';
import { unsupported } from './unsupported.js';

/** Control messages have the numbers of the options that ask for them. */
const TIMES = [...TIMESTAMP_OPTIONS, SO_TIMESTAMPING, SO_TIMESTAMPING_NEW];
/** UnixSocket.shutdown */
const SHUTDOWN_RECEIVE = 1;
/** Room for a datagram at first. */
const ROOM_BYTES = 4096;
/** MSG_TRUNC: how long the message is, not how much of it there was room for */
const PEEK = MSG_PEEK | MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC;

/** A message of a queue; of a stream, bytes that lie together. */
export interface Queued {
  data: Uint8Array;
  /** Ids in files.img of the files that come with it. */
  rights: number[];
}

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
  if (stream && ready & POLLPRI) throw unsupported(file, 'a unix socket with an urgent byte (MSG_OOB) in its queue');
  const waiting = socket.receiveQueue;
  // peeking takes a pending error away, but of a stream only where the queue is empty
  if (waiting === 0 && (stream || ready & POLLERR)) return none;
  if (ready & POLLERR && !stream) throw unsupported(file, 'a unix socket with an error and messages in its queue');
  const inFlight = scmFds(file.info);
  const { queue, tellsRest } = withPeekOffset(file, own, (seek) => {
    const peek = new Peek(file, own, seek);
    const queue = stream ? peekStream(peek, waiting, idOf) : peekMessages(peek, socket, idOf);
    return { queue, tellsRest: peek.tellsRest };
  });
  const found = queue.reduce((sum, { rights }) => sum + rights.length, 0);
  if (inFlight !== undefined && found !== inFlight)
    throw unsupported(file, `a unix socket with ${inFlight} descriptors in its queue, of which ${found} can be seen,`);
  return { messages: queue, tellsRest };
}

/** Looks into a queue at any place. */
class Peek {
  readonly file: Description;
  tellsRest: boolean | undefined;
  readonly #own: number;
  readonly #seek: (offset: number) => void;

  constructor(file: Description, own: number, seek: (offset: number) => void) {
    this.file = file;
    this.#own = own;
    this.#seek = seek;
  }

  /** @param use is lent the descriptors; those that it takes over it takes out of the list */
  at<T>(offset: number, room: Uint8Array, use: (got: Received, fds: number[]) => T, broken = false): T {
    this.#seek(offset);
    const got = receiveMessage(this.#own, room, PEEK, broken);
    const fds = [...got.fds];
    try {
      if (got.flags & MSG_CTRUNC)
        throw unsupported(
          this.file,
          'a unix socket with more descriptors in its queue than crit may have (ulimit -n)',
          '',
        );
      const other = got.others.find((type) => type !== SCM_INQ);
      if (other !== undefined) throw unsupported(this.file, `a unix socket with ${controlName(other)} in its queue`);
      if (got.result > 0) this.tellsRest = got.others.length > 0;
      return use(got, fds);
    } finally {
      for (const fd of fds) closeSync(fd);
    }
  }
}

/** What else comes with a message, for people. */
function controlName(type: number): string {
  if (type === SCM_CREDENTIALS) return 'credentials of senders (SO_PASSCRED)';
  if (type === SCM_PIDFD) return 'pidfds of senders (SO_PASSPIDFD)';
  if (type === SCM_SECURITY) return 'security contexts of senders (SO_PASSSEC)';
  if (TIMES.includes(type)) return 'times of messages (SO_TIMESTAMP)';
  return `control data of type ${type}`;
}

function peekMessages(peek: Peek, socket: UnixSocket, idOf: (fd: number) => number): Queued[] {
  const queue: Queued[] = [];
  const hasEnd = socket.type !== SOCK_DGRAM && (socket.shutdown & SHUTDOWN_RECEIVE) !== 0;
  let room = new Uint8Array(ROOM_BYTES);
  for (let offset = 0; ;) {
    const message = peek.at(offset, room, ({ result: n }, fds) => {
      if (n === -ERRNO.EAGAIN || (n === 0 && hasEnd && fds.length === 0)) return undefined;
      if (n < 0) throw new SysError('recvmsg', -n, `peeking at ${peek.file.where}`);
      return n > room.length ? n : { data: room.slice(0, n), rights: take(fds, idOf) };
    });
    if (message === undefined) return queue;
    if (typeof message === 'number') room = new Uint8Array(message);
    else {
      queue.push(message);
      offset += message.data.length;
    }
  }
}

/** Reading a stream stops behind each piece that descriptors came with, but takes what lies before it along. */
function peekStream(peek: Peek, sizeBytes: number, idOf: (fd: number) => number): Queued[] {
  const queue: Queued[] = [];
  const room = new Uint8Array(sizeBytes);
  for (let offset = 0; offset < sizeBytes;) {
    const part = room.subarray(offset);
    const { n, rights } = peek.at(offset, part, ({ result }, fds) => ({ n: result, rights: take(fds, idOf) }));
    // reading stops at an urgent byte
    if (n <= 0 || (n < part.length && rights.length === 0))
      throw unsupported(peek.file, 'a unix socket with an urgent byte (MSG_OOB) in its queue');
    const start = rights.length ? startOfCarrier(peek, offset, n) : n;
    if (start > 0) queue.push({ data: part.subarray(0, start), rights: [] });
    if (rights.length) queue.push({ data: part.subarray(start, n), rights });
    offset += n;
  }
  return queue;
}

/**
 * Among bytes of a stream whose last piece carries descriptors: where that one begins. Peeking at less does not tell, it
 * brings the descriptors of whatever carries some next; but where the last byte cannot be copied, its piece is left out.
 */
function startOfCarrier(peek: Peek, offset: number, sizeBytes: number): number {
  return peek.at(offset, new Uint8Array(sizeBytes - 1), ({ result }) => Math.max(0, result), true);
}

/** Hands descriptors over one by one, so that those behind a failure are still in the list. */
function take(fds: number[], idOf: (fd: number) => number): number[] {
  const ids: number[] = [];
  for (let fd; (fd = fds.shift()) !== undefined;) ids.push(idOf(fd));
  return ids;
}
