import { wordBytes } from '../../kernel/uapi/sockaddr.js';

/** The sum of 16-bit words that the Internet's protocols check their packets by (RFC 1071). */
function checksum(...parts: readonly Uint8Array[]): number {
  let sum = 0;
  for (const part of parts) for (let i = 0; i < part.length; i += 2) sum += (part[i]! << 8) | (part[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return ~sum & 0xffff;
}

/** The sum of a packet of UDP or TCP, its own field being 0. */
export function packetChecksum(
  proto: number,
  source: readonly number[],
  target: readonly number[],
  bytes: Uint8Array,
): number {
  const pseudo = new DataView(new ArrayBuffer(8));
  pseudo.setUint32(0, bytes.length);
  pseudo.setUint32(4, proto);
  return checksum(wordBytes(source), wordBytes(target), new Uint8Array(pseudo.buffer), bytes);
}

/** RFC 791. The kernel adds the checksum, the length, and a number. */
export function ipHeader(
  proto: number,
  source: readonly number[],
  target: readonly number[],
  size: number,
): Uint8Array {
  const view = new DataView(new ArrayBuffer(20));
  view.setUint8(0, 0x45);
  view.setUint16(2, 20 + size);
  view.setUint8(8, 255);
  view.setUint8(9, proto);
  view.setUint32(12, source[0]!, true);
  view.setUint32(16, target[0]!, true);
  return new Uint8Array(view.buffer);
}

/** RFC 8200 */
export function ip6Header(
  proto: number,
  source: readonly number[],
  target: readonly number[],
  size: number,
): Uint8Array {
  const view = new DataView(new ArrayBuffer(40));
  view.setUint8(0, 0x60);
  view.setUint16(4, size);
  view.setUint8(6, proto);
  view.setUint8(7, 255);
  const bytes = new Uint8Array(view.buffer);
  bytes.set(wordBytes(source), 8);
  bytes.set(wordBytes(target), 24);
  return bytes;
}
