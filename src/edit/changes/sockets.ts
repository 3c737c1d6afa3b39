import { isIP } from 'node:net';
import type { InetSkEntry } from '../../image/generated/messages.js';
import type { EditedSet } from '../edited-set.js';
import { badChange, parts, small, sum } from './spec.js';

const PROTOCOLS: Readonly<Record<string, number>> = { tcp: 6, udp: 17, udplite: 136 };

/** Applies a change to every internet socket. @param edit @returns how many things it changed */
function eachSocket(set: EditedSet, edit: (sk: InetSkEntry) => number): number[] {
  return [
    set.changeIf('FILES', undefined, ({ entries }) =>
      entries.reduce((n, { message }) => n + (message.isk ? edit(message.isk) : 0), 0),
    ),
    set.changeIf('INETSK', undefined, ({ entries }) => entries.reduce((n, { message }) => n + edit(message), 0)),
  ];
}

/** `[tcp:|udp:]OLD=NEW`: at both ends, wherever the port stands. */
export function changePort(set: EditedSet, text: string): string {
  const [, protocol, rest] = /^(?:([a-z]+):)?(.*)$/s.exec(text)!;
  if (protocol !== undefined && !(protocol in PROTOCOLS))
    throw badChange(`${protocol} is no protocol with ports: ${Object.keys(PROTOCOLS).join(', ')}`);
  const [from, to] = parts(rest ?? '', '[tcp:|udp:]OLD=NEW').map((port) => small(port, 'port', 65535)) as [
    number,
    number,
  ];
  const wanted = protocol === undefined ? undefined : PROTOCOLS[protocol];
  const changed = sum(
    eachSocket(set, (sk) => {
      if (wanted !== undefined && sk.proto !== wanted) return 0;
      let n = 0;
      if (sk.src_port === from) [sk.src_port, n] = [to, n + 1];
      if (sk.dst_port === from) [sk.dst_port, n] = [to, n + 1];
      return n;
    }),
    `the port ${from}`,
  );
  return `port ${from} is ${to}, in ${changed} ${changed === 1 ? 'place' : 'places'}`;
}

/** An address as images have it: words in network byte order, stored as little endian numbers. */
function words(text: string): number[] {
  const family = isIP(text);
  if (family === 0 || text.includes('%')) throw badChange(`${JSON.stringify(text)} is no IPv4 or IPv6 address`);
  const bytes = Buffer.from(family === 4 ? text.split('.').map(Number) : ip6Bytes(text));
  return Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readUInt32LE(i * 4));
}

/** An IPv6 address in any notation. */
export function ip6Bytes(text: string): number[] {
  // one spelling for all, with an IPv4 tail as hex
  const plain = new URL(`http://[${text}]/`).hostname.slice(1, -1);
  const [head = [], tail = []] = plain.split('::').map((half) => (half === '' ? [] : half.split(':')));
  const groups = plain.includes('::')
    ? [...head, ...Array<string>(8 - head.length - tail.length).fill('0'), ...tail]
    : head;
  return groups.flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16) & 0xff]);
}

/** `OLD=NEW`: addresses of the same family, at both ends. */
export function changeAddress(set: EditedSet, text: string): string {
  const [left, right] = parts(text, 'OLD=NEW');
  const [from, to] = [words(left), words(right)];
  if (from.length !== to.length) throw badChange(`${left} and ${right} are of two families`);
  const is = (address: readonly number[] | undefined): boolean =>
    address?.length === from.length && address.every((word, i) => word === from[i]);
  const changed = sum(
    eachSocket(set, (sk) => {
      let n = 0;
      if (is(sk.src_addr)) [sk.src_addr, n] = [[...to], n + 1];
      if (is(sk.dst_addr)) [sk.dst_addr, n] = [[...to], n + 1];
      return n;
    }),
    `the address ${left}`,
  );
  return `address ${left} is ${right}, in ${changed} ${changed === 1 ? 'place' : 'places'}`;
}
