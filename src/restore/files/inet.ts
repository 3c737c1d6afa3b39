import { imageFileName } from '../../image/catalogue.js';
import type { CritErrorCode } from '../../image/error-codes.js';
import { CritError } from '../../image/errors.js';
import type { FileOf } from '../../image/file-kinds.js';
import type { InetSkEntry } from '../../image/generated/messages.js';
import { IPV6_FREEBIND, IPV6_V6ONLY } from '../../kernel/uapi/inet.js';
import { addressText, addressWords, inetAddressBytes } from '../../kernel/uapi/sockaddr.js';
import * as S from '../../kernel/uapi/socket.js';
import type { Batch } from '../../task/batch.js';
import { group, type Files, type GroupMaker } from './group.js';
import { isMapped, isSet, ownAddress, peerAddress } from './inet-address.js';
import { checkInetOptions, joinGroups, setInetOptions, setInt } from './inet-options.js';
import { place, setFlags } from './place.js';
import { networkLock, type NetworkLock } from './network-lock.js';
import { TcpConnection } from './tcp-connection.js';
import { setFileOwner } from './socket-owner.js';
import { TimeWait } from './time-wait.js';
import { checkSocketOptions, setSocketOptions } from './socket-options.js';
import { fillDatagrams } from './udp-queue.js';

const BOTH = 3;

/** tcp(7), udp(7), udplite(7), raw(7), and ICMP sockets (icmp(7)), of IPv4 and IPv6. */
export const inet: GroupMaker<'isk'> = (files, entries) => {
  const { options } = files.ctx;
  const close = options.tcpClose || files.images.dir.read('INVENTORY').entries[0]?.message.tcp_close === true;
  const connections: TcpConnection[] = [];
  const timeWait = new TimeWait();
  for (const { id, isk } of entries) {
    check(id, isk);
    files.slot(id);
    if (!isConnected(isk) || close) continue;
    if (!options.tcpEstablished)
      throw new CritError(
        `${nameOf(isk)} is connected: use --tcp-established to restore it, or --tcp-close to have it closed`,
        { code: 'UNSUPPORTED' },
      );
    connections.push(new TcpConnection(files, isk, timeWait));
  }
  const connectionOf = new Map(connections.map((connection) => [connection.isk.id, connection]));
  let lock: NetworkLock | undefined;
  const ports = new Ports(entries);
  const part = group('Internet sockets', {
    open: ({ b }) => {
      for (const { id, isk } of entries) {
        const connection = connectionOf.get(id);
        if (isConnected(isk) && !connection) openClosed(b, files.slot(id), isk);
        else open(files, b, files.slot(id), isk, ports, connection);
      }
      // behind all that are bound: two of one port may be there only as long as neither listens
      for (const { id, isk } of entries) {
        if (isk.state !== S.TCP_LISTEN) continue;
        using _doing = b.doing(`listening on ${nameOf(isk)}`);
        b.call('listen', files.slot(id), isk.backlog);
      }
    },
    fill: () => {
      for (const connection of connections) connection.fill();
      // the other end of one may be among them: it is there now
      for (const connection of connections) connection.fillEnds();
    },
    filled: ({ b }) => {
      for (const { id, isk } of entries) finish(b, files.slot(id), isk, ports);
    },
  });
  if (connections.length === 0) return part;
  return {
    ...part,
    at: {
      ...part.at,
      whole: () => {
        lock = networkLock(
          files,
          connections.map(({ isk }) => isk),
        );
      },
      running: () => lock?.removed?.(),
    },
    commit: (b) => {
      lock?.removeLock(b);
      for (const connection of connections) connection.commit(b);
    },
    undo: () => {
      lock?.keep?.();
      for (const connection of connections) connection.letGo();
    },
  };
};

const isTcp = ({ type }: InetSkEntry) => type === S.SOCK_STREAM;
/** One that has ended has its other end yet, where its queue is told. */
const isConnected = (isk: InetSkEntry) =>
  isTcp(isk) && isk.state !== S.TCP_LISTEN && (isk.state !== S.TCP_CLOSE || isk.dst_port !== 0);
const protocolName = ({ type, proto }: InetSkEntry) =>
  type === S.SOCK_RAW ? `raw (protocol ${proto})` : (NAMES[proto] ?? `protocol ${proto}`);
const NAMES: Readonly<Record<number, string>> = {
  [S.IPPROTO_TCP]: 'TCP',
  [S.IPPROTO_UDP]: 'UDP',
  [S.IPPROTO_UDPLITE]: 'UDP-Lite',
  [S.IPPROTO_ICMP]: 'ICMP',
  [S.IPPROTO_ICMPV6]: 'ICMPv6',
};

/** "TCP 127.0.0.1:80" */
const nameOf = (isk: InetSkEntry) => `${protocolName(isk)} ${addressText(ownAddress(isk))}`;

function check(id: number, isk: InetSkEntry): void {
  const where = `${imageFileName('FILES')}: file ${id}`;
  const no = (what: string, code: CritErrorCode = 'UNSUPPORTED') =>
    new CritError(`${where}: socket ${isk.ino} ${what}`, { code });
  if (isk.id !== id) throw no(`says that it is file ${isk.id}`, 'BAD_IMAGE');
  if (isk.family !== S.AF_INET && isk.family !== S.AF_INET6) throw no(`is of family ${isk.family}`, 'BAD_IMAGE');
  const known = isk.type === S.SOCK_RAW || (NAMES[isk.proto] && (isk.proto === S.IPPROTO_TCP) === isTcp(isk));
  if (!known) throw no(`is of type ${isk.type} and protocol ${isk.proto}: not supported`);
  const words = addressWords(isk.family);
  for (const address of [ownAddress(isk).words, peerAddress(isk).words])
    if (address.length < words) throw no(`has an address of ${address.length} words`, 'BAD_IMAGE');
  for (const port of [isk.src_port, isk.dst_port]) if (port > 0xffff) throw no(`has port ${port}`, 'BAD_IMAGE');
  if ((isk.shutdown ?? 0) > BOTH) throw no(`is shut down in ${isk.shutdown}`, 'BAD_IMAGE');
  if (isk.state === S.TCP_LISTEN && !isTcp(isk)) throw no('listens', 'BAD_IMAGE');
  checkSocketOptions(where, isk.opts);
  checkInetOptions(where, isk);
}

/** Sockets that have a port together: whether they may depends on what they are set to when they are bound. */
class Ports {
  readonly #sharing = new Map<string, InetSkEntry[]>();

  constructor(entries: readonly FileOf<'isk'>[]) {
    for (const { isk } of entries) {
      if (!isk.src_port || isk.type === S.SOCK_RAW) continue;
      const key = `${isk.proto} ${isk.src_port}`;
      const list = this.#sharing.get(key);
      if (list) list.push(isk);
      else this.#sharing.set(key, [isk]);
    }
  }

  #others(isk: InetSkEntry): readonly InetSkEntry[] {
    const list = this.#sharing.get(`${isk.proto} ${isk.src_port}`) ?? [];
    return list.length > 1 ? list : [];
  }

  /** SO_REUSEADDR for the moment of binding: of TCP always, as connections that have ended hold a port for a while. */
  reusesAddress(isk: InetSkEntry): boolean {
    return (isk.opts.reuseaddr ?? false) || isTcp(isk) || this.#others(isk).length > 0;
  }

  reusesPort(isk: InetSkEntry): boolean {
    return (isk.opts.so_reuseport ?? false) || this.#others(isk).some(({ opts }) => opts.so_reuseport);
  }
}

/** --tcp-close: a socket that says to its process what one says whose connection has ended. */
function openClosed(b: Batch, slot: number, isk: InetSkEntry): void {
  place(b, b.call('socket', isk.family, isk.type, isk.proto), slot);
  b.tryCall('shutdown', slot, S.SHUT_RDWR);
}

function open(
  files: Files,
  b: Batch,
  slot: number,
  isk: InetSkEntry,
  ports: Ports,
  connection: TcpConnection | undefined,
): void {
  const { family, type, proto, opts } = isk;
  const queue = isk.type === S.SOCK_DGRAM ? (files.images.queues.get(isk.id) ?? []) : [];
  using _doing = b.doing(`making the socket ${nameOf(isk)}`);
  place(b, b.call('socket', family, type, proto), slot);
  if (isk.v6only !== undefined && type !== S.SOCK_RAW) setInt(b, slot, S.IPPROTO_IPV6, IPV6_V6ONLY, Number(isk.v6only));
  setInetOptions(b, slot, isk, connection !== undefined, false);
  if (ports.reusesAddress(isk)) setInt(b, slot, S.SOL_SOCKET, S.SO_REUSEADDR, 1);
  if (ports.reusesPort(isk)) setInt(b, slot, S.SOL_SOCKET, S.SO_REUSEPORT, 1);
  connection?.begin(b, slot);
  // what is in a queue, or the end of a stream, comes over the loopback interface
  if (opts.so_bound_dev && queue.length === 0 && !connection?.needsLoopback)
    b.call('setsockopt', slot, S.SOL_SOCKET, S.SO_BINDTODEVICE, `${opts.so_bound_dev}\0`, opts.so_bound_dev.length + 1);
  bind(b, slot, isk);
  if (connection) {
    connection.connect(b, slot);
    return;
  }
  const peer = peerAddress(isk);
  if (isk.dst_port || (type === S.SOCK_RAW && isSet(peer))) {
    using _doing = b.doing(`connecting the socket ${nameOf(isk)}`);
    if (opts.so_broadcast) setInt(b, slot, S.SOL_SOCKET, S.SO_BROADCAST, 1);
    const to = inetAddressBytes(peer);
    b.call('connect', slot, to, to.length);
  }
  if (queue.length === 0) return;
  b.run();
  const there = fillDatagrams(files, slot, isk, queue);
  if (there < queue.length)
    files.ctx.log.warn(
      `${nameOf(isk)}: ${queue.length - there} of ${queue.length} datagrams that it had not read are lost, as datagrams may be`,
    );
}

function bind(b: Batch, slot: number, isk: InetSkEntry): void {
  const { family, type } = isk;
  const own = ownAddress(isk);
  if (!isSet(own)) return;
  using _doing = b.doing(`binding the socket ${nameOf(isk)}`);
  // an address of IPv6 may not be ready yet
  const force = family === S.AF_INET6 && type !== S.SOCK_RAW && !isk.ip_opts?.freebind;
  if (force) setInt(b, slot, S.IPPROTO_IPV6, IPV6_FREEBIND, 1);
  const bytes = inetAddressBytes(connects(isk) ? { ...own, words: [] } : own);
  b.call('bind', slot, bytes, bytes.length);
  if (force) setInt(b, slot, S.IPPROTO_IPV6, IPV6_FREEBIND, 0);
}

/**
 * A datagram socket whose address connect(2) has chosen: were it bound to one of IPv6, it would be for IPv6 alone (V6ONLY).
 */
const connects = (isk: InetSkEntry) =>
  isk.family === S.AF_INET6 &&
  isk.type === S.SOCK_DGRAM &&
  isk.dst_port !== 0 &&
  isk.v6only === false &&
  !isMapped(ownAddress(isk).words);

function finish(b: Batch, slot: number, isk: InetSkEntry, ports: Ports): void {
  using _doing = b.doing(`setting the options of the socket ${nameOf(isk)}`);
  if (ports.reusesAddress(isk) && !isk.opts.reuseaddr) setInt(b, slot, S.SOL_SOCKET, S.SO_REUSEADDR, 0);
  if (ports.reusesPort(isk) && !isk.opts.so_reuseport) setInt(b, slot, S.SOL_SOCKET, S.SO_REUSEPORT, 0);
  joinGroups(b, slot, isk);
  setInetOptions(b, slot, isk, false, true);
  setSocketOptions(b, slot, isk.opts);
  setFlags(b, slot, isk.flags);
  setFileOwner(b, slot, isk);
  // of a socket without a connection it says ENOTCONN, and does it
  if (isk.shutdown && !isConnected(isk)) b.tryCall('shutdown', slot, isk.shutdown - 1 + S.SHUT_RD);
}
