import { SOCK_RAW } from '../uapi/socket.js';
import { diagAttributes, diagRequest, parseDiag } from './sock-diag.js';
// linux/sock_diag.h, linux/inet_diag.h (sock_diag(7)): what the kernel tells about sockets of IPv4 and IPv6 of a network
// namespace. Sockets that are neither bound nor connected are not listed.

const REQUEST_BYTES = 56;
const MESSAGE_BYTES = 72;
const ALL_STATES = 0xffffffff;

const ATTR_SHUTDOWN = 8;
const ATTR_MD5SIG = 18;

/** linux/inet_diag.h: struct inet_diag_msg. */
const MESSAGE = { sport: 4, dport: 6, src: 8, dst: 24, inode: 68 } as const;

/** One socket. */
export interface InetSocket {
  /** 0 of what has no socket any more: TCP_TIME_WAIT. */
  readonly ino: number;
  readonly srcPort: number;
  readonly dstPort: number;
  /** 4 words in network byte order, of which IPv4 has the first. */
  readonly src: readonly number[];
  readonly dst: readonly number[];
  /** 1: no more reading, 2: no more writing. */
  readonly shutdown: number;
  /** It has keys for signing segments (TCP_MD5SIG). */
  readonly md5: boolean;
}

/** The request for sockets of a family and protocol, to be sent to NETLINK_SOCK_DIAG. @param state undefined for any */
export const inetDiagRequest = (family: number, type: number, proto: number, state?: number): Uint8Array =>
  diagRequest(REQUEST_BYTES, (body) => {
    body.setUint8(0, family);
    body.setUint8(1, type === SOCK_RAW ? SOCK_RAW_DIAG : proto);
    // what attributes there are to be besides: none but those that are always told
    if (type === SOCK_RAW) body.setUint8(3, proto);
    body.setUint32(4, state === undefined ? ALL_STATES : 1 << state, true);
  });

/** Raw sockets are asked for under IPPROTO_RAW. */
const SOCK_RAW_DIAG = 255;

/** Takes one datagram of the answer apart. @see parseDiag */
export const parseInetDiag = (datagram: Uint8Array, add: (socket: InetSocket) => void): ReturnType<typeof parseDiag> =>
  parseDiag(datagram, MESSAGE_BYTES, (view, start, end) => {
    add(parseSocket(view, start, end));
  });

const words = (view: DataView, start: number): readonly number[] =>
  [0, 4, 8, 12].map((at) => view.getUint32(start + at, true));

function parseSocket(view: DataView, start: number, end: number): InetSocket {
  let shutdown = 0;
  let md5 = false;
  for (const { type, value } of diagAttributes(view, start + MESSAGE_BYTES, end)) {
    if (type === ATTR_SHUTDOWN && value.byteLength > 0) shutdown = value.getUint8(0);
    if (type === ATTR_MD5SIG) md5 = true;
  }
  return {
    ino: view.getUint32(start + MESSAGE.inode, true),
    srcPort: view.getUint16(start + MESSAGE.sport),
    dstPort: view.getUint16(start + MESSAGE.dport),
    src: words(view, start + MESSAGE.src),
    dst: words(view, start + MESSAGE.dst),
    shutdown,
    md5,
  };
}
