import { ERRNO } from '../../kernel/uapi/errno.js';
import { MSG_DONTWAIT, MSG_OOB, MSG_PEEK, SIOCATMARK, SO_OOBINLINE } from '../../kernel/uapi/socket.js';
import { receiveMessage } from '../../native/message.js';
import { sys, SysError } from '../../native/sys.js';
import { takeRights, type Peek, type Queued } from './peek.js';
import { getOption } from './socket-options.js';
import { unsupported } from './unsupported.js';

/**
 * What a stream holds. Reading it stops behind each piece that descriptors came with (but takes what lies before it along),
 * where the sender becomes another one (SO_PASSCRED), and at the urgent byte, or where one was that has been read.
 * @param own crit's own descriptor of the socket
 * @param sizeBytes what waits, an urgent byte included
 * @param urgent there is an urgent byte that has not been read (POLLPRI): of all that were sent the last one
 */
export function peekStream(
  peek: Peek,
  own: number,
  sizeBytes: number,
  urgent: boolean,
  idOf: (fd: number) => number,
): Queued[] {
  const queue: Queued[] = [];
  let size = sizeBytes;
  let left = urgent;
  if (isAtMark(own)) {
    const first = urgent ? urgentByte(own) : new Uint8Array(0);
    queue.push({ data: first, rights: [], urgent: true });
    // peeking leaves the byte out where it is first
    if (urgent && getOption(own, SO_OOBINLINE) === 0) size--;
    else if (urgent) return [...queue, ...peekFrom(peek, first.length, size, false, idOf)];
    left = false;
  }
  return [...queue, ...peekFrom(peek, 0, size, left, idOf)];
}

function peekFrom(peek: Peek, start: number, size: number, urgent: boolean, idOf: (fd: number) => number): Queued[] {
  const queue: Queued[] = [];
  const room = new Uint8Array(size);
  /** Places in the queue where reading stopped for no other reason. */
  const stops: number[] = [];
  let senders = 0;
  let before: number | undefined;
  for (let offset = start; offset < size;) {
    const part = room.subarray(offset);
    const { n, rights, sender } = peek.at(offset, part, ({ result, fds, sender }) => ({
      n: result,
      rights: takeRights(fds, idOf),
      sender,
    }));
    if (n < 0) throw new SysError('recvmsg', -n, `peeking at ${peek.file.where}`);
    if (n === 0) throw unsupported(peek.file, 'a unix socket with a queue that cannot be looked into');
    if (senders === 0 || before !== sender?.pid) senders++;
    before = sender?.pid;
    const from = rights.length ? startOfCarrier(peek, offset, n) : n;
    if (from > 0) queue.push({ data: part.subarray(0, from), rights: [], sender });
    if (rights.length) queue.push({ data: part.subarray(from, n), rights, sender });
    offset += n;
    if (offset < size && rights.length === 0) {
      stops.push(queue.length);
      queue.push({ data: new Uint8Array(0), rights: [], urgent: true });
    }
  }
  if (senders > 1 && stops.length > 0) {
    if (urgent)
      throw unsupported(peek.file, 'a unix socket with an urgent byte of one of several senders in its queue');
    return queue.filter(({ data }) => data.length > 0);
  }
  return urgent ? markUrgent(peek, queue, stops.at(-1)) : queue;
}

/** The byte behind the last stop is the urgent one. */
function markUrgent(peek: Peek, queue: Queued[], stop: number | undefined): Queued[] {
  const behind = stop === undefined ? undefined : queue[stop + 1];
  if (stop === undefined || !behind)
    throw unsupported(peek.file, 'a unix socket with an urgent byte (MSG_OOB) out of sight');
  const byte = { ...behind, data: behind.data.subarray(0, 1), rights: [], urgent: true };
  const rest = { ...behind, data: behind.data.subarray(1) };
  queue.splice(stop, 2, byte, ...(rest.data.length > 0 ? [rest] : []));
  return queue;
}

/**
 * Among bytes of a stream whose last piece carries descriptors: where that one begins. Peeking at less does not tell, it
 * brings the descriptors of whatever carries some next; but where the last byte cannot be copied, its piece is left out.
 */
function startOfCarrier(peek: Peek, offset: number, sizeBytes: number): number {
  return peek.at(offset, new Uint8Array(sizeBytes - 1), ({ result }) => Math.max(0, result), true);
}

/** Whether the queue begins with an urgent byte, or with the place of one that has been read. */
function isAtMark(own: number): boolean {
  const mark = new Int32Array(1);
  sys('ioctl', own, SIOCATMARK, mark);
  return mark[0] !== 0;
}

function urgentByte(own: number): Uint8Array {
  const byte = new Uint8Array(1);
  // where it is in line it is an ordinary byte to peeking
  const oob = receiveMessage(own, byte, MSG_OOB | MSG_PEEK | MSG_DONTWAIT);
  const { result } = oob.result === -ERRNO.EINVAL ? receiveMessage(own, byte, MSG_PEEK | MSG_DONTWAIT) : oob;
  if (result !== 1) throw new SysError('recvmsg', Math.max(0, -result), 'of the urgent byte');
  return byte;
}
