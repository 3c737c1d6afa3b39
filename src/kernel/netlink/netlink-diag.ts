import { AF_NETLINK } from '../uapi/socket.js';
import { diagAttributes, diagRequest, parseDiag } from './sock-diag.js';
// linux/netlink_diag.h (sock_diag(7)): netlink sockets of a network namespace. Those are listed that have a port or a group.

const REQUEST_BYTES = 20;
const ALL_PROTOCOLS = 255;
const SHOW_FLAGS = 8;

/** struct netlink_diag_msg */
const MESSAGE = { state: 3, port: 4, peerPort: 8, peerGroup: 12, inode: 16 } as const;
const MESSAGE_BYTES = 28;
const ATTR_FLAGS = 4;
const FLAG_CB_RUNNING = 1;

/** One socket. */
export interface NetlinkSocket {
  readonly ino: number;
  readonly state: number;
  readonly port: number;
  readonly peerPort: number;
  /** The multicast group that it sends to; 0 for none. */
  readonly peerGroup: number;
  /** What it has asked for is not answered completely. */
  readonly answering: boolean;
}

/** The request for all sockets, to be sent to NETLINK_SOCK_DIAG. */
export const netlinkDiagRequest = (): Uint8Array =>
  diagRequest(REQUEST_BYTES, (body) => {
    body.setUint8(0, AF_NETLINK);
    body.setUint8(1, ALL_PROTOCOLS);
    body.setUint32(8, SHOW_FLAGS, true);
  });

/** Takes one datagram of the answer apart. @see parseDiag */
export const parseNetlinkDiag = (
  datagram: Uint8Array,
  add: (socket: NetlinkSocket) => void,
): ReturnType<typeof parseDiag> =>
  parseDiag(datagram, MESSAGE_BYTES, (view, start, end) => {
    let flags = 0;
    for (const { type, value } of diagAttributes(view, start + MESSAGE_BYTES, end))
      if (type === ATTR_FLAGS && value.byteLength >= 4) flags = value.getUint32(0, true);
    add({
      ino: view.getUint32(start + MESSAGE.inode, true),
      state: view.getUint8(start + MESSAGE.state),
      port: view.getUint32(start + MESSAGE.port, true),
      peerPort: view.getUint32(start + MESSAGE.peerPort, true),
      peerGroup: view.getUint32(start + MESSAGE.peerGroup, true),
      answering: (flags & FLAG_CB_RUNNING) !== 0,
    });
  });
