import type { PacketSockEntry } from '../../image/generated/messages.js';
import { AF_PACKET } from './socket.js';

// linux/if_packet.h (packet(7)).
export const SOL_PACKET = 263;
export const PACKET_ADD_MEMBERSHIP = 1;
export const PACKET_RX_RING = 5;
export const PACKET_COPY_THRESH = 7;
export const PACKET_AUXDATA = 8;
export const PACKET_ORIGDEV = 9;
export const PACKET_VERSION = 10;
export const PACKET_RESERVE = 12;
export const PACKET_TX_RING = 13;
export const PACKET_LOSS = 14;
export const PACKET_VNET_HDR = 15;
export const PACKET_TIMESTAMP = 17;
export const PACKET_FANOUT = 18;
/** Linux 6.6 */
export const PACKET_VNET_HDR_SZ = 24;
export const PACKET_MR_UNICAST = 3;

/** What decides which socket of a group gets a packet, in bits 16 to 23 of PACKET_FANOUT. */
export const PACKET_FANOUT_CBPF = 6;
export const PACKET_FANOUT_EBPF = 7;
/** struct virtio_net_hdr (linux/virtio_net.h): what PACKET_VNET_HDR puts before packets. */
export const VIRTIO_NET_HEADER_BYTES = 10;

/** Options that are on or off, and off in a new socket, which CRIU has no fields for. */
export const PACKET_OPTIONS = [
  { field: 'tx_has_off', option: 19 },
  { field: 'qdisc_bypass', option: 20 },
  { field: 'ignore_outgoing', option: 23 },
] as const satisfies readonly { readonly field: keyof PacketSockEntry; readonly option: number }[];

/** struct sockaddr_ll; protocol in network byte order, as it is in images. */
const SOCKADDR_LL = { protocol: 2, ifindex: 4 } as const;
const SOCKADDR_LL_BYTES = 20;

/** The bytes that bind(2) takes. */
export function packetAddress(protocol: number, ifindex: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(SOCKADDR_LL_BYTES));
  view.setUint16(0, AF_PACKET, true);
  view.setUint16(SOCKADDR_LL.protocol, protocol, true);
  view.setUint32(SOCKADDR_LL.ifindex, ifindex, true);
  return new Uint8Array(view.buffer);
}

/** struct sockaddr, as bind(2) of a socket of SOCK_PACKET takes it. */
const OLD_ADDRESS = { device: 2, deviceBytes: 14 } as const;
const OLD_ADDRESS_BYTES = 16;

/** The bytes that bind(2) of an old one takes: the name of the interface. */
export function oldPacketAddress(device: string): Uint8Array {
  const view = new DataView(new ArrayBuffer(OLD_ADDRESS_BYTES));
  view.setUint16(0, AF_PACKET, true);
  const bytes = new Uint8Array(view.buffer);
  bytes.set(Buffer.from(device, 'latin1').subarray(0, OLD_ADDRESS.deviceBytes - 1), OLD_ADDRESS.device);
  return bytes;
}

/** struct packet_mreq, with room for the longest hardware address (MAX_ADDR_LEN). */
const PACKET_MREQ = { ifindex: 0, type: 4, length: 6, address: 8 } as const;
const PACKET_MREQ_BYTES = 40;
export const MOST_HARDWARE_ADDRESS = 32;

/** What PACKET_ADD_MEMBERSHIP takes. */
export function packetMembership(ifindex: number, type: number, address: Uint8Array): Uint8Array {
  const view = new DataView(new ArrayBuffer(PACKET_MREQ_BYTES));
  view.setUint32(PACKET_MREQ.ifindex, ifindex, true);
  view.setUint16(PACKET_MREQ.type, type, true);
  view.setUint16(PACKET_MREQ.length, address.length, true);
  const bytes = new Uint8Array(view.buffer);
  bytes.set(address, PACKET_MREQ.address);
  return bytes;
}
