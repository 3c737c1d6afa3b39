import { closeSync } from 'node:fs';
import { scmFds } from '../../kernel/fdinfo.js';
import {
  MSG_CMSG_CLOEXEC,
  MSG_CTRUNC,
  MSG_DONTWAIT,
  MSG_PEEK,
  MSG_TRUNC,
  SOCK_DGRAM,
  SOCK_STREAM,
} from '../../kernel/socket.js';
import type { UnixSocket } from '../../kernel/unix-diag.js';
import { receiveMessage, type Received } from '../../native/message.js';
import { sys, SysError } from '../../native/sys.js';
import type { Description } from './description.js';
import { withPeekOffset } from './peek-offset.js';
import { unsupported } from './unsupported.js';

const EAGAIN = 11;
/** poll(2) */
const POLLIN = 1;
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

/** True when there is something to read, or the end. */
function readable(socket: number): boolean {
  const poll = new Int16Array(4);
  new DataView(poll.buffer).setInt32(0, socket, true);
  poll[2] = POLLIN;
  return sys('poll', poll, 1, 0) > 0;
}

/**
 * What a unix socket has received and not read. Nothing is taken out: peeking gives duplicates of the descriptors that are
 * in flight, and gives them to crit, with which they end.
 * @param own crit's own descriptor of it
 * @param idOf the id of the file behind such a duplicate, which it takes over
 */
export function peekQueue(file: Description, socket: UnixSocket, own: number, idOf: (fd: number) => number): Queued[] {
  if (!readable(own)) return [];
  const stream = socket.type === SOCK_STREAM;
  const waiting = socket.receiveQueue;
  if (stream && waiting === 0) return [];
  const inFlight = scmFds(file.info);
  const queue = withPeekOffset(file, own, (seek) => {
    const peek = new Peek(file, own, seek);
    return stream ? peekStream(peek, waiting, idOf) : peekMessages(peek, socket, idOf);
  });
  const found = queue.reduce((sum, { rights }) => sum + rights.length, 0);
  if (inFlight !== undefined && found !== inFlight)
    throw unsupported(file, `a unix socket with ${inFlight} descriptors in its queue, of which ${found} can be seen,`);
  return queue;
}

/** Looks into a queue at any place. */
class Peek {
  readonly file: Description;
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
      if (got.more) throw unsupported(this.file, 'a unix socket with credentials or other control data in its queue');
      return use(got, fds);
    } finally {
      for (const fd of fds) closeSync(fd);
    }
  }
}

function peekMessages(peek: Peek, socket: UnixSocket, idOf: (fd: number) => number): Queued[] {
  const queue: Queued[] = [];
  const hasEnd = socket.type !== SOCK_DGRAM && (socket.shutdown & SHUTDOWN_RECEIVE) !== 0;
  let room = new Uint8Array(ROOM_BYTES);
  for (let offset = 0; ;) {
    const message = peek.at(offset, room, ({ result: n }, fds) => {
      if (n === -EAGAIN || (n === 0 && hasEnd && fds.length === 0)) return undefined;
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
