import { closeSync } from 'node:fs';
import type { InetSkEntry } from '../../image/generated/messages.js';
import { LOCK_MARK } from '../../kernel/tcp-directions.js';
import { inetAddressBytes } from '../../kernel/uapi/sockaddr.js';
import * as S from '../../kernel/uapi/socket.js';
import { sys } from '../../native/sys.js';
import { ip6Header, ipHeader, packetChecksum } from './ip-packet.js';
import { isMapped, ownAddress, peerAddress } from './inet-address.js';

const HEADER_BYTES = 20;
export const FLAG = { fin: 1, rst: 4, ack: 0x10, urg: 0x20 } as const;

export interface Segment {
  readonly seq: number;
  readonly ack: number;
  /** Of FLAG, besides ack. */
  readonly flag: number;
  readonly window: number;
  /** The first byte is an urgent one with `urg`. */
  readonly data?: Uint8Array;
}

/** A segment, and the socket that sends it (raw(7)). */
export interface RawSegment {
  readonly socket: number;
  readonly packet: Uint8Array;
  readonly to: Uint8Array;
}

/** Has a connection receive a segment that looks as if its other end had sent it. @throws SysError */
export function sendSegment(isk: InetSkEntry, segment: Segment): void {
  const { socket, packet, to } = rawSegment(isk, segment);
  try {
    sys('sendto', socket, packet, packet.length, 0, to, to.length);
  } finally {
    closeSync(socket);
  }
}

/** A segment to be sent later; its socket is the caller's to close. @throws SysError */
export function rawSegment(isk: InetSkEntry, { seq, ack, flag, window, data }: Segment): RawSegment {
  const plain = (words: readonly number[]) => (isMapped(words) ? words.slice(3) : words);
  const source = plain(peerAddress(isk).words);
  const target = plain(ownAddress(isk).words);
  const four = target.length === 1;
  const bytes = new Uint8Array(HEADER_BYTES + (data?.length ?? 0));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, isk.dst_port);
  view.setUint16(2, isk.src_port);
  view.setUint32(4, seq);
  view.setUint32(8, ack);
  view.setUint8(12, (HEADER_BYTES / 4) << 4);
  view.setUint8(13, FLAG.ack | flag);
  view.setUint16(14, window);
  // the place behind it, as in RFC 793 and everywhere
  if (flag & FLAG.urg) view.setUint16(18, 1);
  if (data) bytes.set(data, HEADER_BYTES);
  view.setUint16(16, packetChecksum(S.IPPROTO_TCP, source, target, bytes));
  const header = (four ? ipHeader : ip6Header)(S.IPPROTO_TCP, source, target, bytes.length);
  const packet = Buffer.concat([header, bytes]);
  const family = four ? S.AF_INET : S.AF_INET6;
  const to = inetAddressBytes({ family, port: 0, words: target });
  const socket = sys('socket', family, S.SOCK_RAW | S.SOCK_CLOEXEC, S.IPPROTO_RAW);
  sys('setsockopt', socket, S.SOL_SOCKET, S.SO_MARK, Int32Array.of(LOCK_MARK), 4);
  return { socket, packet, to };
}
