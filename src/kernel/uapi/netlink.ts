import type { NetlinkSkEntry } from '../../image/generated/messages.js';
import { AF_NETLINK } from './socket.js';

// linux/netlink.h (netlink(7)).
export const SOL_NETLINK = 270;
export const NETLINK_ADD_MEMBERSHIP = 1;
export const NETLINK_LIST_MEMBERSHIPS = 9;
export const NETLINK_CONNECTOR = 11;
/** state of a socket: connect(2) was called. */
export const NETLINK_CONNECTED = 1;
export const NETLINK_ROUTE = 0;
export const NETLINK_GET_STRICT_CHK = 12;

/** Options that are on or off, and off in a new socket. */
export const NETLINK_OPTIONS = [
  { field: 'pktinfo', option: 3 },
  { field: 'broadcast_error', option: 4 },
  { field: 'no_enobufs', option: 5 },
  { field: 'listen_all_nsid', option: 8 },
  { field: 'cap_ack', option: 10 },
  { field: 'ext_ack', option: 11 },
  { field: 'get_strict_chk', option: 12 },
] as const satisfies readonly { readonly field: keyof NetlinkSkEntry; readonly option: number }[];

/** struct sockaddr_nl { u16 family, pad; u32 pid, groups; } */
const SOCKADDR_NL = { port: 4, groups: 8 } as const;
const SOCKADDR_NL_BYTES = 12;

/** The bytes that bind(2) and connect(2) take. @param groups a bit for each of the first 32 */
export function netlinkAddress(port: number, groups = 0): Uint8Array {
  const view = new DataView(new ArrayBuffer(SOCKADDR_NL_BYTES));
  view.setUint16(0, AF_NETLINK, true);
  view.setUint32(SOCKADDR_NL.port, port, true);
  view.setUint32(SOCKADDR_NL.groups, groups, true);
  return new Uint8Array(view.buffer);
}
