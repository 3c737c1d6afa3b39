import { AF_PACKET } from '../uapi/socket.js';
import { diagAttributes, diagRequest, parseDiag } from './sock-diag.js';
// linux/packet_diag.h (sock_diag(7)): packet sockets of a network namespace.

const REQUEST_BYTES = 20;
const SHOW = { info: 1, memberships: 2, rings: 4, fanout: 8 } as const;

/** struct packet_diag_msg */
const MESSAGE = { type: 1, protocol: 2, inode: 4 } as const;
const MESSAGE_BYTES = 16;

const ATTR = { info: 0, memberships: 1, receiveRing: 2, sendRing: 3, fanout: 4 } as const;

/** struct packet_diag_info */
const INFO = { ifindex: 0, version: 4, reserve: 8, copyThreshold: 12, timestamp: 16, flags: 20 } as const;
const INFO_BYTES = 24;
const FLAG = { running: 1, auxData: 2, originalDevice: 4, vnetHeader: 8, loss: 16 } as const;

/** struct packet_diag_mclist */
const MEMBERSHIP = { ifindex: 0, count: 4, type: 8, length: 10, address: 12 } as const;
const MEMBERSHIP_BYTES = 44;
const ADDRESS_BYTES = 32;

/** struct packet_diag_ring: 7 numbers. */
const RING_BYTES = 28;

/** PACKET_ADD_MEMBERSHIP */
export interface Membership {
  readonly ifindex: number;
  readonly type: number;
  /** How often it has joined. */
  readonly count: number;
  readonly address: Uint8Array;
}

/** struct tpacket_req3 */
export interface PacketRing {
  readonly blockSize: number;
  readonly blocks: number;
  readonly frameSize: number;
  readonly frames: number;
  readonly retireMs: number;
  readonly privateBytes: number;
  readonly features: number;
}

/** One socket. */
export interface PacketSocket {
  readonly ino: number;
  readonly type: number;
  /** ETH_P_*, in network byte order as images have it. */
  readonly protocol: number;
  readonly ifindex: number;
  readonly version: number;
  readonly reserve: number;
  readonly copyThreshold: number;
  readonly timestamp: number;
  readonly auxData: boolean;
  readonly originalDevice: boolean;
  readonly vnetHeader: boolean;
  readonly loss: boolean;
  readonly memberships: readonly Membership[];
  /** Group, and what PACKET_FANOUT_* in the upper half; undefined for none. */
  readonly fanout: number | undefined;
  readonly receiveRing: PacketRing | undefined;
  readonly sendRing: PacketRing | undefined;
}

/** The request for all sockets, to be sent to NETLINK_SOCK_DIAG. */
export const packetDiagRequest = (): Uint8Array =>
  diagRequest(REQUEST_BYTES, (body) => {
    body.setUint8(0, AF_PACKET);
    body.setUint32(8, SHOW.info | SHOW.memberships | SHOW.rings | SHOW.fanout, true);
  });

/** Takes one datagram of the answer apart. @see parseDiag */
export const parsePacketDiag = (
  datagram: Uint8Array,
  add: (socket: PacketSocket) => void,
): ReturnType<typeof parseDiag> =>
  parseDiag(datagram, MESSAGE_BYTES, (view, start, end) => {
    const attributes = new Map<number, DataView>();
    for (const { type, value } of diagAttributes(view, start + MESSAGE_BYTES, end)) attributes.set(type, value);
    const info = attributes.get(ATTR.info);
    if (!info || info.byteLength < INFO_BYTES) return;
    const flags = info.getUint32(INFO.flags, true);
    const fanout = attributes.get(ATTR.fanout);
    add({
      ino: view.getUint32(start + MESSAGE.inode, true),
      type: view.getUint8(start + MESSAGE.type),
      protocol: swapped(view.getUint16(start + MESSAGE.protocol, true)),
      ifindex: info.getUint32(INFO.ifindex, true),
      version: info.getUint32(INFO.version, true),
      reserve: info.getUint32(INFO.reserve, true),
      copyThreshold: info.getUint32(INFO.copyThreshold, true),
      timestamp: info.getUint32(INFO.timestamp, true),
      auxData: (flags & FLAG.auxData) !== 0,
      originalDevice: (flags & FLAG.originalDevice) !== 0,
      vnetHeader: (flags & FLAG.vnetHeader) !== 0,
      loss: (flags & FLAG.loss) !== 0,
      memberships: memberships(attributes.get(ATTR.memberships)),
      fanout: fanout && fanout.byteLength >= 4 ? fanout.getUint32(0, true) : undefined,
      receiveRing: ring(attributes.get(ATTR.receiveRing)),
      sendRing: ring(attributes.get(ATTR.sendRing)),
    });
  });

const swapped = (word: number) => ((word & 0xff) << 8) | (word >>> 8);

function memberships(list: DataView | undefined): Membership[] {
  if (!list) return [];
  return Array.from({ length: Math.floor(list.byteLength / MEMBERSHIP_BYTES) }, (_, i) => {
    const at = i * MEMBERSHIP_BYTES;
    const length = Math.min(ADDRESS_BYTES, list.getUint16(at + MEMBERSHIP.length, true));
    return {
      ifindex: list.getUint32(at + MEMBERSHIP.ifindex, true),
      type: list.getUint16(at + MEMBERSHIP.type, true),
      count: list.getUint32(at + MEMBERSHIP.count, true),
      address: new Uint8Array(list.buffer, list.byteOffset + at + MEMBERSHIP.address, length).slice(),
    };
  });
}

function ring(told: DataView | undefined): PacketRing | undefined {
  if (!told || told.byteLength < RING_BYTES) return undefined;
  const word = (i: number) => told.getUint32(4 * i, true);
  return {
    blockSize: word(0),
    blocks: word(1),
    frameSize: word(2),
    frames: word(3),
    retireMs: word(4),
    privateBytes: word(5),
    features: word(6),
  };
}
