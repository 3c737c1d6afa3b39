import { AF_UNIX } from '../uapi/socket.js';
import { diagAttributes, diagRequest, parseDiag } from './sock-diag.js';
// linux/sock_diag.h, linux/unix_diag.h (sock_diag(7)): what the kernel tells about the unix sockets of a network namespace.

const REQUEST_BYTES = 24;
/** struct unix_diag_msg */
const MESSAGE_BYTES = 16;
const ALL_STATES = 0xffffffff;

const SHOW_NAME = 1;
const SHOW_PEER = 4;
const SHOW_ICONS = 8;
const SHOW_RQLEN = 0x10;

const ATTR_NAME = 0;
const ATTR_PEER = 2;
const ATTR_ICONS = 3;
const ATTR_RQLEN = 4;
const ATTR_SHUTDOWN = 6;

/** One socket. */
export interface UnixSocket {
  ino: number;
  /** SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET */
  type: number;
  /** TCP_ESTABLISHED, TCP_CLOSE or TCP_LISTEN */
  state: number;
  /** Inode number of the socket it is connected to: 0 when that is closed, undefined when there is none. */
  peer: number | undefined;
  /** Empty when it is bound to none; starts with NUL in the abstract namespace. */
  name: Uint8Array;
  /** 1: no more reading, 2: no more writing. */
  shutdown: number;
  /** Bytes to read; of a datagram socket, of the first datagram. Of a listening one: connections that wait. */
  receiveQueue: number;
  /** Memory of what was sent and not read, bytes. Of a listening one: the backlog. */
  sendQueue: number;
  /** Inode numbers of connections that wait to be accepted; 0 for one that is closed. */
  waiting: readonly number[];
}

/** The request for all sockets, to be sent to NETLINK_SOCK_DIAG. */
export const unixDiagRequest = (): Uint8Array =>
  diagRequest(REQUEST_BYTES, (body) => {
    body.setUint8(0, AF_UNIX);
    body.setUint32(4, ALL_STATES, true);
    body.setUint32(12, SHOW_NAME | SHOW_PEER | SHOW_ICONS | SHOW_RQLEN, true);
  });

/** Takes one datagram of the answer apart. @see parseDiag */
export const parseUnixDiag = (datagram: Uint8Array, add: (socket: UnixSocket) => void): ReturnType<typeof parseDiag> =>
  parseDiag(datagram, MESSAGE_BYTES, (view, start, end) => {
    add(parseSocket(view, start, end));
  });

function parseSocket(view: DataView, start: number, end: number): UnixSocket {
  const socket: UnixSocket = {
    ino: view.getUint32(start + 4, true),
    type: view.getUint8(start + 1),
    state: view.getUint8(start + 2),
    peer: undefined,
    name: new Uint8Array(0),
    shutdown: 0,
    receiveQueue: 0,
    sendQueue: 0,
    waiting: [],
  };
  for (const { type, value } of diagAttributes(view, start + MESSAGE_BYTES, end))
    switch (type) {
      case ATTR_NAME:
        socket.name = new Uint8Array(value.buffer, value.byteOffset, value.byteLength).slice();
        break;
      case ATTR_PEER:
        socket.peer = value.getUint32(0, true);
        break;
      case ATTR_ICONS:
        socket.waiting = Array.from({ length: value.byteLength >> 2 }, (_, i) => value.getUint32(4 * i, true));
        break;
      case ATTR_RQLEN:
        socket.receiveQueue = value.getUint32(0, true);
        socket.sendQueue = value.getUint32(4, true);
        break;
      case ATTR_SHUTDOWN:
        socket.shutdown = value.getUint8(0);
        break;
    }
  return socket;
}
