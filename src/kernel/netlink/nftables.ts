import { LOCK_MARK, type Direction } from '../tcp-directions.js';
import { IPPROTO_TCP } from '../uapi/socket.js';
import { NLMSG_ERROR } from './netlink-answer.js';
import { NLATTR_HEADER_BYTES, NLMSG_HEADER_BYTES } from './netlink-attribute.js';
// linux/netfilter/nf_tables.h, linux/netfilter/nfnetlink.h: a table that drops the segments of some TCP connections.

export const NETLINK_NETFILTER = 12;
const BATCH_BEGIN = 0x10;
const BATCH_END = 0x11;
const SUBSYSTEM = 10;
const MSG = { newTable: 0, delTable: 2, newChain: 3, newRule: 6, newSet: 9, newSetElem: 12 } as const;
const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
const NLM_F_CREATE = 0x400;
const NLM_F_APPEND = 0x800;
const NESTED = 0x8000;
const NFPROTO_INET = 1;
/** The table goes when the socket that made it is closed. */
const TABLE_OWNER = 2;
const PRIORITY_FILTER = 0;
/** Types of keys, as nft(8) shows them: ipv4_addr 7, ipv6_addr 8, inet_service 13, 6 bits each. */
const keyType = (address: number) => ((address * 64 + 13) * 64 + address) * 64 + 13;

function attribute(type: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const size = NLATTR_HEADER_BYTES + parts.reduce((sum, part) => sum + part.length, 0);
  const bytes = new Uint8Array((size + 3) & ~3);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, size, true);
  view.setUint16(2, type, true);
  let at = NLATTR_HEADER_BYTES;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
const nested = (type: number, ...parts: readonly Uint8Array[]) => attribute(type | NESTED, ...parts);
const text = (type: number, value: string) => attribute(type, Buffer.from(`${value}\0`));
const be32 = (type: number, value: number) => {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, value);
  return attribute(type, new Uint8Array(view.buffer));
};

function message(
  type: number,
  flags: number,
  family: number,
  resource: number,
  ...parts: readonly Uint8Array[]
): Uint8Array {
  const size = NLMSG_HEADER_BYTES + 4 + parts.reduce((sum, part) => sum + part.length, 0);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, size, true);
  view.setUint16(4, type, true);
  view.setUint16(6, NLM_F_REQUEST | flags, true);
  view.setUint8(NLMSG_HEADER_BYTES, family);
  view.setUint16(NLMSG_HEADER_BYTES + 2, resource);
  let at = NLMSG_HEADER_BYTES + 4;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

const nft = (type: number, flags: number, ...parts: readonly Uint8Array[]) =>
  message((SUBSYSTEM << 8) | type, flags, NFPROTO_INET, 0, ...parts);
const batch = (...messages: readonly Uint8Array[]): Uint8Array =>
  Buffer.concat([message(BATCH_BEGIN, 0, 0, SUBSYSTEM), ...messages, message(BATCH_END, 0, 0, SUBSYSTEM)]);

/** NFTA_LIST_ELEM of NFTA_EXPR_NAME, NFTA_EXPR_DATA */
const expression = (name: string, ...parts: readonly Uint8Array[]) => nested(1, text(1, name), nested(2, ...parts));
const meta = (key: number) => expression('meta', be32(1, 1), be32(2, key));
const compare = (...bytes: readonly number[]) =>
  expression('cmp', be32(1, 1), be32(2, 0), nested(3, attribute(1, Uint8Array.from(bytes))));
const payload = (register: number, base: number, offset: number, length: number) =>
  expression('payload', be32(1, register), be32(2, base), be32(3, offset), be32(4, length));
const verdict = (code: number) => expression('immediate', be32(1, 0), nested(2, nested(2, be32(1, code))));
const META = { mark: 3, protocolFamily: 15, protocol: 16 } as const;
const NETWORK = 1;
const TRANSPORT = 2;
const FIRST_REGISTER = 8;
const DROP = 0;
const ACCEPT = 1;

/** How packets of a family are looked at; words are registers of 4 bytes. */
const FAMILIES = [
  { set: 'conns4', words: 1, nfproto: 2, source: 12, target: 16, type: keyType(7) },
  { set: 'conns6', words: 4, nfproto: 10, source: 8, target: 24, type: keyType(8) },
] as const;

function dropRule(family: (typeof FAMILIES)[number]): Uint8Array {
  const { words, nfproto, source, target, set } = family;
  const bytes = words * 4;
  return nested(
    4,
    meta(META.protocolFamily),
    compare(nfproto),
    meta(META.protocol),
    compare(IPPROTO_TCP),
    payload(FIRST_REGISTER, NETWORK, source, bytes),
    payload(FIRST_REGISTER + words, TRANSPORT, 0, 2),
    payload(FIRST_REGISTER + words + 1, NETWORK, target, bytes),
    payload(FIRST_REGISTER + 2 * words + 1, TRANSPORT, 2, 2),
    expression('lookup', text(1, set), be32(2, FIRST_REGISTER)),
    verdict(DROP),
  );
}

function keyOf({ source, sourcePort, target, targetPort }: Direction): Uint8Array {
  const bytes = new Uint8Array(2 * source.length + 8);
  const view = new DataView(bytes.buffer);
  bytes.set(source);
  view.setUint16(source.length, sourcePort);
  bytes.set(target, source.length + 4);
  view.setUint16(2 * source.length + 4, targetPort);
  return bytes;
}

/** CRIU has room for so much of the id of the run that made the dump. */
const RUN_ID_CHARACTERS = 21;

/** The name that CRIU 4.2 gives the table, and expects it to have when it restores. */
export const lockName = (runId: string): string => `CRIU-${runId.slice(0, RUN_ID_CHARACTERS)}`;

/** Elements in one message: attributes have at most 64 KiB. */
const ELEMENTS = 500;

/**
 * The request that makes a table "inet NAME" which drops segments of connections, but those with CRIU's mark.
 * @param owned it goes with the socket that the request is sent by
 */
export function lockRequest(name: string, owned: boolean, connections: readonly Direction[]): Uint8Array {
  const create = NLM_F_CREATE;
  const table = text(1, name);
  const chain = (chainName: string, hook: number) =>
    nft(
      MSG.newChain,
      create,
      table,
      text(3, chainName),
      nested(4, be32(1, hook), be32(2, PRIORITY_FILTER)),
      be32(5, ACCEPT),
      text(7, 'filter'),
    );
  const rule = (chainName: string, expressions: Uint8Array) =>
    nft(MSG.newRule, create | NLM_F_APPEND, table, text(2, chainName), expressions);
  const mark = nested(4, meta(META.mark), compare(LOCK_MARK & 0xff, LOCK_MARK >> 8, 0, 0), verdict(ACCEPT));
  const messages = [
    nft(MSG.newTable, create | NLM_F_ACK, table, be32(2, owned ? TABLE_OWNER : 0)),
    chain('output', 3),
    chain('input', 1),
    rule('output', mark),
    rule('input', mark),
  ];
  FAMILIES.forEach((family, i) => {
    const { set, type, words } = family;
    const keys = connections.filter(({ source }) => source.length === words * 4).map(keyOf);
    const bytes = 8 * words + 8;
    messages.push(
      nft(MSG.newSet, create, table, text(2, set), be32(3, 0), be32(4, type), be32(5, bytes), be32(10, i + 1)),
    );
    for (let at = 0; at < keys.length; at += ELEMENTS) {
      const elements = keys.slice(at, at + ELEMENTS).map((key) => nested(1, nested(1, attribute(1, key))));
      messages.push(nft(MSG.newSetElem, create, table, text(2, set), nested(3, ...elements)));
    }
    messages.push(rule('output', dropRule(family)), rule('input', dropRule(family)));
  });
  return batch(...messages);
}

/** The request that removes it. */
export const unlockRequest = (name: string): Uint8Array => batch(nft(MSG.delTable, NLM_F_ACK, text(1, name)));

/** The first refusal in a datagram of the answer, as errno; 0 for none. */
export function refusalOf(datagram: Uint8Array): number {
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  for (let at = 0; at + NLMSG_HEADER_BYTES + 4 <= view.byteLength;) {
    const length = view.getUint32(at, true);
    if (length < NLMSG_HEADER_BYTES) break;
    if (view.getUint16(at + 4, true) === NLMSG_ERROR) {
      const errno = -view.getInt32(at + NLMSG_HEADER_BYTES, true);
      if (errno !== 0) return errno;
    }
    at += (length + 3) & ~3;
  }
  return 0;
}
