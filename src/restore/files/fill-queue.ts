import { closeSync } from 'node:fs';
import { CritError } from '../../image/errors.js';
import type { UnixSkEntry } from '../../image/generated/messages.js';
import { seenByCrit } from '../../image/pid.js';
import { URGENT_BYTE } from '../../image/unix-sockets.js';
import { ERRNO, errnoWords } from '../../kernel/uapi/errno.js';
import {
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  MSG_OOB,
  SO_SNDBUFFORCE,
  SOCK_STREAM,
  SOL_SOCKET,
} from '../../kernel/uapi/socket.js';
import { messageHeader, sendMessage } from '../../native/message.js';
import { sys, SysError } from '../../native/sys.js';
import type { Queued } from './file-images.js';
import type { Files } from './group.js';
import { callAs, type Maker } from './makers.js';

/** The most that SO_SNDBUFFORCE takes: the kernel doubles it. */
const LARGEST_BUFFER = 0x3fffffff;
/** A stream is written in pieces of this size, so that one allocation in the kernel does not get too large. */
const PIECE_BYTES = 32 << 10;

/** Sends what a unix socket had received, through its peer. */
export function fillQueue(
  files: Files,
  queue: readonly Queued[] | undefined,
  peerSlot: number,
  usk: UnixSkEntry,
): void {
  if (!queue) return;
  const fd = files.take(peerSlot);
  try {
    for (const message of queue) sendQueued(files, fd, message, usk);
  } finally {
    closeSync(fd);
  }
}

/**
 * Sends one message of a queue again, or bytes of a stream.
 * @param fd crit's own descriptor of the sending socket
 * @param to where that is not connected
 */
export function sendQueued(files: Files, fd: number, message: Queued, usk: UnixSkEntry, to?: Uint8Array): void {
  sys('setsockopt', fd, SOL_SOCKET, SO_SNDBUFFORCE, Int32Array.of(LARGEST_BUFFER), 4);
  const { data, rights, urgent } = message;
  if (urgent) {
    sendUrgent(files, fd, message, usk);
    return;
  }
  // what descriptors came with was one piece
  const piece = usk.type === SOCK_STREAM && rights.length === 0 ? PIECE_BYTES : data.length;
  let at = 0;
  do {
    const bytes = data.subarray(at, at + piece);
    checkSent(usk, data, bytes.length, send(files, fd, bytes, message, 0, to));
    at += bytes.length;
  } while (at < data.length);
}

function checkSent(usk: UnixSkEntry, data: Uint8Array, wanted: number, sent: number): void {
  if (sent === wanted) return;
  const full = sent === -ERRNO.EAGAIN ? ' (net.unix.max_dgram_qlen)' : '';
  throw new CritError(
    `unix socket ${usk.ino} does not take the ${data.length} bytes of its queue: ${errnoWords(-sent)}${full}`,
    { code: 'SOCKET_DATA' },
  );
}

/** An urgent byte; of one that was read already the place stays, at which reading stops. */
function sendUrgent(files: Files, fd: number, message: Queued, usk: UnixSkEntry): void {
  const byte = message.urgent === URGENT_BYTE.read ? new Uint8Array(1) : message.data;
  checkSent(usk, byte, byte.length, send(files, fd, byte, message, MSG_OOB, undefined));
  if (message.urgent !== URGENT_BYTE.read) return;
  const receiver = files.take(files.slot(usk.id));
  try {
    const r = sys('recvfrom', receiver, new Uint8Array(1), 1, MSG_OOB | MSG_DONTWAIT, null, null);
    if (r !== 1) throw new SysError('recvfrom', ERRNO.EAGAIN, 'of an urgent byte');
  } finally {
    closeSync(receiver);
  }
}

function send(
  files: Files,
  socket: number,
  bytes: Uint8Array,
  { rights, sender }: Queued,
  more: number,
  to: Uint8Array | undefined,
): number {
  const fds: number[] = [];
  const flags = MSG_DONTWAIT | MSG_NOSIGNAL | more;
  try {
    for (const id of rights) fds.push(files.take(files.slot(id)));
    if (!sender) return sendMessage(socket, bytes, { fds, to }, flags);
    const told = { fds, to, sender: { ...sender, pid: seenByCrit(sender.pid) } };
    const sent = sendMessage(socket, bytes, told, flags);
    if (sent !== -ERRNO.ESRCH) return sent;
    // who sent it has ended
    const as: Maker = { uid: sender.uid, gid: sender.gid, groups: [] };
    const made = callAs(sender.pid, as, 'sendmsg', socket, new Uint8Array(messageHeader(bytes, told)), flags);
    if (made >= 0) return made;
    files.ctx.log.warn(
      `a message in the queue of a unix socket was sent by process ${sender.pid}, a number that cannot be had (${errnoWords(-made)}): it comes from ${files.ctx.root.pid}`,
    );
    const root = { ...sender, pid: seenByCrit(files.ctx.root.pid) };
    return sendMessage(socket, bytes, { ...told, sender: root }, flags);
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}
