import { SOCK_RAW } from '../uapi/socket.js';
import { NLMSG_HEADER_BYTES } from './netlink-attribute.js';
// linux/sock_diag.h, linux/inet_diag.h (sock_diag(7)): what the kernel tells about sockets of IPv4 and IPv6 of a network
// namespace. Sockets that are neither bound nor connected are not listed.

const SOCK_DIAG_BY_FAMILY = 20;
const NLM_F_REQUEST = 1;
const NLM_F_DUMP = 0x300;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;

const REQUEST_BYTES = 56;
const MESSAGE_BYTES = 72;
const ALL_STATES = 0xffffffff;

const ATTR_SHUTDOWN = 8;
const ATTR_MD5SIG = 18;

/** linux/inet_diag.h: struct inet_diag_msg. */
const MESSAGE = { sport: 4, dport: 6, src: 8, dst: 24, inode: 68 } as const;

/** One socket. */
export interface InetSocket {
  readonly ino: number;
  readonly srcPort: number;
  readonly dstPort: number;
  /** 4 words in network byte order, of which IPv4 has the first. */
  readonly dst: readonly number[];
  /** 1: no more reading, 2: no more writing. */
  readonly shutdown: number;
  /** It has keys for signing segments (TCP_MD5SIG). */
  readonly md5: boolean;
}

/** The request for all sockets of a family and protocol, to be sent to NETLINK_SOCK_DIAG. */
export function inetDiagRequest(family: number, type: number, proto: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(NLMSG_HEADER_BYTES + REQUEST_BYTES));
  view.setUint32(0, view.byteLength, true);
  view.setUint16(4, SOCK_DIAG_BY_FAMILY, true);
  view.setUint16(6, NLM_F_REQUEST | NLM_F_DUMP, true);
  view.setUint8(NLMSG_HEADER_BYTES, family);
  view.setUint8(NLMSG_HEADER_BYTES + 1, type === SOCK_RAW ? SOCK_RAW_DIAG : proto);
  // what attributes there are to be besides: none but those that are always told
  if (type === SOCK_RAW) view.setUint8(NLMSG_HEADER_BYTES + 3, proto);
  view.setUint32(NLMSG_HEADER_BYTES + 4, ALL_STATES, true);
  return new Uint8Array(view.buffer);
}

/** Raw sockets are asked for under IPPROTO_RAW. */
const SOCK_RAW_DIAG = 255;

/**
 * Takes one datagram of the answer apart.
 * @returns the errno of a refusal, or whether the answer is complete
 */
export function parseInetDiag(
  datagram: Uint8Array,
  add: (socket: InetSocket) => void,
): { done: boolean; errno: number } {
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  for (let at = 0; at + NLMSG_HEADER_BYTES <= view.byteLength;) {
    const length = view.getUint32(at, true);
    const type = view.getUint16(at + 4, true);
    if (length < NLMSG_HEADER_BYTES || at + length > view.byteLength) break;
    if (type === NLMSG_DONE) return { done: true, errno: 0 };
    if (type === NLMSG_ERROR) return { done: true, errno: -view.getInt32(at + NLMSG_HEADER_BYTES, true) };
    if (type === SOCK_DIAG_BY_FAMILY && length >= NLMSG_HEADER_BYTES + MESSAGE_BYTES)
      add(parseSocket(view, at + NLMSG_HEADER_BYTES, at + length));
    at += (length + 3) & ~3;
  }
  return { done: false, errno: 0 };
}

function parseSocket(view: DataView, start: number, end: number): InetSocket {
  let shutdown = 0;
  let md5 = false;
  for (let at = start + MESSAGE_BYTES; at + 4 <= end;) {
    const length = view.getUint16(at, true);
    if (length < 4 || at + length > end) break;
    const type = view.getUint16(at + 2, true);
    if (type === ATTR_SHUTDOWN && length > 4) shutdown = view.getUint8(at + 4);
    if (type === ATTR_MD5SIG) md5 = true;
    at += (length + 3) & ~3;
  }
  return {
    ino: view.getUint32(start + MESSAGE.inode, true),
    srcPort: view.getUint16(start + MESSAGE.sport),
    dstPort: view.getUint16(start + MESSAGE.dport),
    dst: [0, 4, 8, 12].map((at) => view.getUint32(start + MESSAGE.dst + at, true)),
    shutdown,
    md5,
  };
}
