import { CritError } from '../../image/errors.js';
import type { InetSkEntry } from '../../image/generated/messages.js';
import {
  GROUP_REQ,
  GROUP_SOURCE_REQ_BYTES,
  inetOptions,
  IP_ADD_MEMBERSHIP,
  IP_MREQN,
  IP_MREQN_BYTES,
  MCAST_JOIN_SOURCE_GROUP,
  MCAST_EXCLUDE,
  MCAST_JOIN_GROUP,
  MCAST_MSFILTER,
  GROUP_FILTER,
  GROUP_REQ_BYTES,
  type InetOption,
} from '../../kernel/uapi/inet.js';
import { SIOCGIFNAME } from '../../kernel/uapi/netdevice.js';
import { addressWords, inetAddressBytes } from '../../kernel/uapi/sockaddr.js';
import {
  AF_INET,
  AF_INET6,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
  SOL_SOCKET,
} from '../../kernel/uapi/socket.js';
import type { Batch } from '../../task/batch.js';

/** The longest value that an option takes: a routing header (IPV6_RTHDR). */
const VALUE_BYTES = 2048;
/** Sources of a group: what the kernel allows by default (net.ipv6.mld_max_msf is 64, igmp_max_msf 10), and more. */
const MOST_SOURCES = 256;

/** What comes behind the queue: it would change what arrives, or how. */
const LATE: readonly number[] = [IPPROTO_UDP, IPPROTO_UDPLITE, SOL_SOCKET];

type Values = Readonly<Record<string, unknown>>;

/** The options of a socket that an image tells, with their values. */
function* given(isk: InetSkEntry): Generator<{ row: InetOption; value: unknown }> {
  for (const row of inetOptions(isk.family, isk.type, isk.proto)) {
    const message = row.message === 'raw' ? isk.ip_opts?.raw : isk[row.message];
    const value = (message as Values | undefined)?.[row.field];
    if (value !== undefined) yield { row, value };
  }
}

/** @param where of the images @throws CritError BAD_IMAGE */
export function checkInetOptions(where: string, isk: InetSkEntry): void {
  const bad = (what: string) => new CritError(`${where}: ${what}`, { code: 'BAD_IMAGE' });
  for (const { row, value } of given(isk))
    if (encoded(row, value).length > VALUE_BYTES) throw bad(`${row.field} is longer than ${VALUE_BYTES} bytes`);
  (isk.groups ?? []).forEach(({ group = [], sources = [] }, i) => {
    const size = group.length;
    if (size !== addressWords(AF_INET) && size !== addressWords(AF_INET6))
      throw bad(`groups[${i}].group is no address: ${size} words`);
    if (sources.length % size !== 0) throw bad(`groups[${i}].sources are no addresses of ${size} words`);
    if (sources.length / size > MOST_SOURCES) throw bad(`groups[${i}]: ${sources.length / size} sources`);
  });
}

function encoded({ kind }: InetOption, value: unknown): Uint8Array {
  switch (kind) {
    case 'flag':
    case 'int':
    case 'sint':
      return new Uint8Array(Int32Array.of(Number(value)).buffer);
    case 'text':
      return Buffer.from(String(value), 'latin1');
    case 'words':
      return new Uint8Array(Uint32Array.from(value as readonly number[]).buffer);
    case 'bytes':
      return value as Uint8Array;
  }
}

/**
 * Sets the options of IP, TCP and UDP.
 * @param late those that come behind the queue; else those that a socket has when it is bound
 */
export function setInetOptions(b: Batch, slot: number, isk: InetSkEntry, connected: boolean, late: boolean): void {
  for (const { row, value } of given(isk)) {
    if (LATE.includes(row.level) !== late || (row.unconnected && connected)) continue;
    using _doing = b.doing(`setting ${row.field}`);
    const bytes = encoded(row, value);
    b.call('setsockopt', slot, row.level, row.option, bytes, bytes.length);
  }
}

/** Sets one option that is a number. */
export function setInt(b: Batch, slot: number, level: number, option: number, value: number): void {
  b.call('setsockopt', slot, level, option, new Uint8Array(Int32Array.of(value).buffer), 4);
}

/** Joins the multicast groups. */
export function joinGroups(b: Batch, slot: number, isk: InetSkEntry): void {
  for (const { group = [], ifindex = 0, include, sources = [] } of isk.groups ?? []) {
    const six = group.length === addressWords(AF_INET6);
    const family = six ? AF_INET6 : AF_INET;
    const level = six ? IPPROTO_IPV6 : IPPROTO_IP;
    const address = (words: readonly number[]) => inetAddressBytes({ family, port: 0, words });
    const list = Array.from({ length: sources.length / group.length }, (_, i) =>
      sources.slice(i * group.length, (i + 1) * group.length),
    );
    using _doing = b.doing('joining a multicast group');
    if (include) {
      for (const source of list) {
        const bytes = new Uint8Array(GROUP_SOURCE_REQ_BYTES);
        new DataView(bytes.buffer).setUint32(GROUP_REQ.ifindex, ifindex, true);
        bytes.set(address(group), GROUP_REQ.group);
        bytes.set(address(source), GROUP_REQ.source);
        b.call('setsockopt', slot, level, MCAST_JOIN_SOURCE_GROUP, bytes, bytes.length);
      }
      continue;
    }
    if (six) {
      const bytes = new Uint8Array(GROUP_REQ_BYTES);
      new DataView(bytes.buffer).setUint32(GROUP_REQ.ifindex, ifindex, true);
      bytes.set(address(group), GROUP_REQ.group);
      b.call('setsockopt', slot, level, MCAST_JOIN_GROUP, bytes, bytes.length);
    } else joinByAddress(b, slot, group[0]!, ifindex);
    if (list.length === 0) continue;
    const view = new DataView(new ArrayBuffer(GROUP_FILTER.sources + list.length * GROUP_FILTER.sourceBytes));
    const bytes = new Uint8Array(view.buffer);
    view.setUint32(GROUP_FILTER.ifindex, ifindex, true);
    bytes.set(address(group), GROUP_FILTER.group);
    view.setUint32(GROUP_FILTER.mode, MCAST_EXCLUDE, true);
    view.setUint32(GROUP_FILTER.count, list.length, true);
    list.forEach((source, i) => {
      bytes.set(address(source), GROUP_FILTER.sources + i * GROUP_FILTER.sourceBytes);
    });
    b.call('setsockopt', slot, level, MCAST_MSFILTER, bytes, bytes.length);
  }
}

/** linux/sockios.h: the address of an interface by its name; struct ifreq. */
const SIOCGIFADDR = 0x8915;
const IFREQ = { value: 16, address: 20, bytes: 40 } as const;

/**
 * A program may leave a group by the interface's address, or by none at all: the kernel compares it with the one that the
 * group was joined by, and does not tell it. The interface's own address fits both.
 */
function joinByAddress(b: Batch, slot: number, group: number, ifindex: number): void {
  b.reserve(4, IFREQ.bytes + IP_MREQN_BYTES + 64);
  const request = new DataView(new ArrayBuffer(IFREQ.bytes));
  request.setInt32(IFREQ.value, ifindex, true);
  const ifreq = b.out(IFREQ.bytes, new Uint8Array(request.buffer));
  const join = new DataView(new ArrayBuffer(IP_MREQN_BYTES));
  join.setUint32(IP_MREQN.group, group, true);
  join.setInt32(IP_MREQN.ifindex, ifindex, true);
  const mreq = b.out(IP_MREQN_BYTES, new Uint8Array(join.buffer));
  b.tryCall('ioctl', slot, SIOCGIFNAME, ifreq);
  // an interface without an address fails, and leaves what is there: none
  b.tryCall('ioctl', slot, SIOCGIFADDR, ifreq);
  b.call('copy', mreq.address + IP_MREQN.address, ifreq.address + IFREQ.address, 4);
  b.call('setsockopt', slot, IPPROTO_IP, IP_ADD_MEMBERSHIP, mreq, IP_MREQN_BYTES);
}
