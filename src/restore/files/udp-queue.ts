import { closeSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import type { InetSkEntry } from '../../image/generated/messages.js';
import { inetAddressBytes, parseInetAddress, wordBytes, type InetAddress } from '../../kernel/uapi/sockaddr.js';
import * as S from '../../kernel/uapi/socket.js';
import { receiveMessage } from '../../native/message.js';
import { sys, sysRaw } from '../../native/sys.js';
import type { Queued } from './file-images.js';
import type { Files } from './group.js';
import { ip6Header, ipHeader, packetChecksum } from './ip-packet.js';
import { isMapped, ownAddress } from './inet-address.js';

const LARGEST_BUFFER = 0x3fffffff;
const UDP_HEADER_BYTES = 8;
const ROOM_BYTES = 1 << 16;
const LOOPBACK = 0x0100007f;
/** Words of ::1. */
const LOOPBACK6 = [0, 0, 0, 0x01000000] as const;

/**
 * Has a socket of UDP receive again what it had received: packets are made with the addresses of their senders and sent to
 * the socket's own address (raw(7)), which is one of this machine. The socket must be bound, and others of its port not yet.
 * @returns how many it has then
 */
export function fillDatagrams(files: Files, slot: number, isk: InetSkEntry, queue: readonly Queued[]): number {
  const fd = files.take(slot);
  const raw = new Map<number, number>();
  try {
    sys('setsockopt', fd, S.SOL_SOCKET, S.SO_RCVBUFFORCE, Int32Array.of(LARGEST_BUFFER), 4);
    for (const { data, from } of queue) {
      const sender = from && parseInetAddress(from);
      const packet = sender && makePacket(isk, sender, data);
      if (!packet) continue;
      let socket = raw.get(packet.family);
      if (socket === undefined) {
        socket = sys('socket', packet.family, S.SOCK_RAW | S.SOCK_CLOEXEC, S.IPPROTO_RAW);
        raw.set(packet.family, socket);
      }
      sysRaw('sendto', socket, packet.bytes, packet.bytes.length, S.MSG_DONTWAIT, packet.to, packet.to.length);
    }
    return countSame(fd, queue);
  } finally {
    for (const socket of raw.values()) closeSync(socket);
    closeSync(fd);
  }
}

/** How many datagrams of a queue are there; a firewall may have taken some. */
function countSame(fd: number, queue: readonly Queued[]): number {
  sys('setsockopt', fd, S.SOL_SOCKET, S.SO_PEEK_OFF, Int32Array.of(0), 4);
  const room = new Uint8Array(ROOM_BYTES);
  let same = 0;
  for (const { data } of queue) {
    const { result } = receiveMessage(fd, room, S.MSG_PEEK | S.MSG_DONTWAIT);
    if (result < 0) break;
    if (Buffer.compare(room.subarray(0, result), data) === 0) same++;
  }
  sys('setsockopt', fd, S.SOL_SOCKET, S.SO_PEEK_OFF, Int32Array.of(-1), 4);
  return same;
}

interface Packet {
  readonly family: number;
  readonly bytes: Uint8Array;
  readonly to: Uint8Array;
}

/** A packet from a sender to a socket; undefined where it cannot be one that stays on this machine. */
function makePacket(isk: InetSkEntry, sender: InetAddress, data: Uint8Array): Packet | undefined {
  const mapped = isMapped(sender.words);
  const four = sender.family === S.AF_INET || mapped;
  const source = mapped ? sender.words.slice(3) : sender.words;
  const { words } = ownAddress(isk);
  const own = isMapped(words) ? words.slice(3) : words;
  const any = own.every((word) => word === 0);
  const target = any ? (four ? [LOOPBACK] : [...LOOPBACK6]) : own;
  if (target.length !== source.length || !(any || isLocal(target))) return undefined;
  const { proto } = isk;
  const datagram = makeDatagram(proto, source, sender.port, target, isk.src_port, data);
  if (!datagram) return undefined;
  const header = four
    ? ipHeader(proto, source, target, datagram.length)
    : ip6Header(proto, source, target, datagram.length);
  const family = four ? S.AF_INET : S.AF_INET6;
  return {
    family,
    bytes: Buffer.concat([header, datagram]),
    to: inetAddressBytes({ family, port: 0, words: target }),
  };
}

/** Addresses of this machine's interfaces: packets to them go nowhere else. */
function isLocal(words: readonly number[]): boolean {
  const text = (bytes: Uint8Array) => (bytes.length === 4 ? bytes.join('.') : Buffer.from(bytes).toString('hex'));
  const wanted = text(wordBytes(words));
  if (words.length === 1 && wanted.startsWith('127.')) return true;
  return Object.values(networkInterfaces()).some((list) =>
    list?.some(({ address, family }) => (family === 'IPv4' ? address : hexOf(address)) === wanted),
  );
}

/** The 16 bytes of an IPv6 address as Node writes it: two halves of groups around "::". */
function hexOf(address: string): string {
  const groups = (part: string) => (part === '' ? [] : part.split(':').map((group) => group.padStart(4, '0')));
  const [before = '', after] = address.split('::');
  const first = groups(before);
  const last = after === undefined ? [] : groups(after);
  return [...first, ...new Array<string>(Math.max(0, 8 - first.length - last.length)).fill('0000'), ...last].join('');
}

function makeDatagram(
  proto: number,
  source: readonly number[],
  from: number,
  target: readonly number[],
  to: number,
  data: Uint8Array,
): Uint8Array | undefined {
  const length = UDP_HEADER_BYTES + data.length;
  if (length > 0xffff) return undefined;
  const view = new DataView(new ArrayBuffer(length));
  const bytes = new Uint8Array(view.buffer);
  view.setUint16(0, from);
  view.setUint16(2, to);
  // of UDP-Lite: how much the sum covers
  view.setUint16(4, length);
  bytes.set(data, UDP_HEADER_BYTES);
  const sum = packetChecksum(proto, source, target, bytes);
  view.setUint16(6, sum || 0xffff);
  return bytes;
}
