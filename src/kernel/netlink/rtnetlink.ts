import { parseAnswer, type AnswerEnd } from './netlink-answer.js';
import { NLATTR_HEADER_BYTES, NLA_TYPE_MASK, NLMSG_HEADER_BYTES } from './netlink-attribute.js';
import { diagAttributes } from './sock-diag.js';
// linux/rtnetlink.h, linux/if_link.h, linux/if_addr.h (rtnetlink(7)).

export const RTM = {
  NEWLINK: 16,
  GETLINK: 18,
  NEWADDR: 20,
  DELADDR: 21,
  GETADDR: 22,
  NEWROUTE: 24,
  DELROUTE: 25,
  GETROUTE: 26,
  GETNEIGH: 30,
  GETQDISC: 38,
} as const;

/** Bytes of the structure that a message begins with. */
export const IFINFOMSG_BYTES = 16;
export const IFADDRMSG_BYTES = 8;
export const RTMSG_BYTES = 12;
export const NDMSG_BYTES = 12;
export const TCMSG_BYTES = 20;
/** struct ifinfomsg, struct ifaddrmsg, struct rtmsg, struct ndmsg, struct tcmsg */
export const IFINFOMSG = { type: 2, ifindex: 4, flags: 8, change: 12 } as const;
export const IFADDRMSG = { family: 0, prefix: 1, flags: 2, scope: 3, ifindex: 4 } as const;
export const RTMSG = { family: 0, table: 4, protocol: 5, scope: 6, type: 7, flags: 8 } as const;
export const NDMSG = { ifindex: 4, state: 8, flags: 10 } as const;
export const TCMSG = { ifindex: 4, handle: 8 } as const;

export const IFLA = {
  address: 1,
  broadcast: 2,
  mtu: 4,
  link: 5,
  master: 10,
  queueLength: 13,
  linkMode: 17,
  linkInfo: 18,
  alias: 20,
  inside: 26,
  group: 27,
  extMask: 29,
  carrier: 33,
  linkNetwork: 37,
  protoDown: 39,
  gsoMaxSegments: 40,
  gsoMaxSize: 41,
  xdp: 43,
  names: 52,
  groMaxSize: 58,
  gsoMaxSize4: 63,
  groMaxSize4: 64,
} as const;
/** IFLA_LINKINFO, and what a tun device has in its data. */
export const IFLA_INFO_DATA = 2;
export const IFLA_TUN = { owner: 1, group: 2, queues: 8, disabledQueues: 9 } as const;
export const IFLA_XDP_ATTACHED = 2;
export const IFLA_NAME = 3;

export const IFA = {
  address: 1,
  local: 2,
  label: 3,
  broadcast: 4,
  cacheInfo: 6,
  flags: 8,
  priority: 9,
  protocol: 11,
} as const;
export const IFA_F = { temporary: 1, dadFailed: 8, tentative: 0x40, stablePrivacy: 0x800 } as const;

export const RTA = { oif: 4, gateway: 5, multipath: 9, cacheInfo: 12, table: 15, nextHop: 30 } as const;
/** struct rta_cacheinfo */
export const RTA_CACHEINFO_EXPIRES = 8;

export const NLM_F = { request: 1, ack: 4, dump: 0x300, create: 0x400, exclusive: 0x200, append: 0x800 } as const;

/** An attribute to be sent. */
export interface Attribute {
  readonly type: number;
  readonly value: Uint8Array;
}

/** One message of an answer. */
export interface RtMessage {
  readonly type: number;
  readonly header: DataView;
  readonly attributes: ReadonlyMap<number, DataView>;
}

/** A message with its attributes. */
export function rtRequest(
  type: number,
  flags: number,
  header: Uint8Array,
  attributes: readonly Attribute[] = [],
): Uint8Array {
  const rest = attributeBytes(attributes);
  const bytes = new Uint8Array(NLMSG_HEADER_BYTES + header.length + rest.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, flags | NLM_F.request, true);
  bytes.set(header, NLMSG_HEADER_BYTES);
  bytes.set(rest, NLMSG_HEADER_BYTES + header.length);
  return bytes;
}

/** Attributes one behind the other: the payload of a nested one, too. */
export function attributeBytes(attributes: readonly Attribute[]): Uint8Array {
  const padded = (n: number) => (n + 3) & ~3;
  const bytes = new Uint8Array(attributes.reduce((n, { value }) => n + padded(NLATTR_HEADER_BYTES + value.length), 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const { type, value } of attributes) {
    view.setUint16(at, NLATTR_HEADER_BYTES + value.length, true);
    view.setUint16(at + 2, type, true);
    bytes.set(value, at + NLATTR_HEADER_BYTES);
    at += padded(NLATTR_HEADER_BYTES + value.length);
  }
  return bytes;
}

/** Attributes by their numbers. */
export function attributesOf(view: DataView, start = 0): Map<number, DataView> {
  const found = new Map<number, DataView>();
  for (const { type, value } of diagAttributes(view, start, view.byteLength)) found.set(type & NLA_TYPE_MASK, value);
  return found;
}

/** Takes one datagram of an answer apart. @returns the errno of a refusal, or whether the answer is complete */
export const parseRt = (datagram: Uint8Array, headerBytes: number, add: (message: RtMessage) => void): AnswerEnd =>
  parseAnswer(datagram, headerBytes, (type, view, start, end) => {
    const body = new DataView(view.buffer, view.byteOffset + start, end - start);
    const header = new DataView(body.buffer, body.byteOffset, headerBytes);
    add({ type, header, attributes: attributesOf(body, headerBytes) });
  });
