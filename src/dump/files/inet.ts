import { FdTypes, type InetSkEntry } from '../../image/generated/messages.js';
import { NAMESPACES } from '../../image/namespaces.js';
import { IP_PROTOCOL, IPV6_V6ONLY, TCP_ULP, UDP_CORK } from '../../kernel/uapi/inet.js';
import { ERRNO } from '../../kernel/uapi/errno.js';
import {
  addressWords,
  inetAddressBytes,
  parseInetAddress,
  INET_ADDRESS_BYTES,
  type InetAddress,
} from '../../kernel/uapi/sockaddr.js';
import * as S from '../../kernel/uapi/socket.js';
import type { InetSocket } from '../../kernel/netlink/inet-diag.js';
import { answer, sysRaw } from '../../native/sys.js';
import type { Description } from './description.js';
import { warnOfEmpty } from './empty-messages.js';
import type { Files } from './files.js';
import { InetOptionReader } from './inet-options.js';
import { InetSockets } from './inet-sockets.js';
import type { MakesEntries } from './kind.js';
import { Memberships } from './multicast.js';
import { isOwnNetwork } from './own-network.js';
import { socketOwner } from './peer-credentials.js';
import { getOption, socketOptions } from './socket-options.js';
import { pollSocket } from './socket-queue.js';
import { peekDatagrams } from './udp-queue.js';
import { isSetMaxseg, tcpInfo } from './tcp-info.js';
import { refuseUnread } from './tcp-stream.js';
import { unsupported } from './unsupported.js';

/** What a socket of IPv4 or IPv6 is. */
export interface InetKind {
  readonly family: number;
  readonly type: number;
  readonly proto: number;
}

/** What can be asked of any of them. */
interface Asked extends InetKind {
  readonly state: number;
  readonly backlog: number;
  readonly src: InetAddress | undefined;
  readonly dst: InetAddress | undefined;
  /** TCP: a connection that has ended, whose queue can be read yet. */
  readonly ended: boolean;
  readonly shutdown: number;
}

/** tcp(7), udp(7), udplite(7), raw(7), and ICMP sockets (icmp(7)), of IPv4 and IPv6. */
export const inet: MakesEntries = {
  type: FdTypes.INETSK,
  make: (files) => {
    const lists = new InetSockets();
    const options = new InetOptionReader();
    const memberships = new Memberships();
    return (file) =>
      files.use(file, (fd) => {
        const kind = kindOf(file, fd);
        const ino = Number(file.stat.ino & 0xffffffffn);
        const listed = lists.find(kind.family, kind.type, kind.proto, ino);
        const asked = ask(file, fd, kind, listed, files.ctx.options.tcpEstablished);
        refuse(file, fd, asked, listed, files);
        if (!asked.ended) warn(file, fd, files);
        const { opts, ...others } = options.of(file, fd, kind, asked.dst !== undefined);
        const maxseg = others.tcp_opts?.maxseg;
        if (maxseg !== undefined && !isSetMaxseg(fd, maxseg)) delete others.tcp_opts?.maxseg;
        const groups = kind.type === S.SOCK_STREAM ? [] : memberships.of(fd, kind.family);
        const boundDevice = boundTo(asked);
        const general = socketOptions(file, fd);
        if (kind.type === S.SOCK_DGRAM)
          files.whenListed(() => {
            files.use(file, (fd) => {
              const queue = peekDatagrams(file, fd, files.ctx.log);
              warnOfEmpty(files.ctx, file, queue);
              for (const { data, from } of queue)
                files.put('SK_QUEUES', { message: { id_for: file.id, length: data.length, from }, extra: data });
            });
          });
        const none = new Array<number>(addressWords(kind.family)).fill(0);
        const isk: InetSkEntry = {
          id: file.id,
          ino,
          family: kind.family,
          type: kind.type,
          proto: kind.proto,
          state: asked.state,
          src_port: asked.src?.port ?? 0,
          dst_port: asked.dst?.port ?? 0,
          flags: file.info.flags,
          backlog: asked.backlog,
          src_addr: [...(asked.src?.words ?? none)],
          dst_addr: [...(asked.dst?.words ?? none)],
          fown: file.owner,
          opts: { ...general, ...opts },
          ...others,
          ns_id: NAMESPACES.net.host,
          ...socketOwner(file.stat),
        };
        if (kind.family === S.AF_INET6) isk.v6only = getOption(fd, IPV6_V6ONLY, S.IPPROTO_IPV6) !== 0;
        if (boundDevice && general.so_bound_dev) isk.ifname = general.so_bound_dev;
        if (asked.shutdown) isk.shutdown = asked.shutdown;
        if (groups.length > 0) isk.groups = groups;
        if (kind.type === S.SOCK_STREAM && asked.dst && !files.ctx.options.tcpClose)
          files.connections.add(file, files.take(file), isk);
        return { isk };
      });
  },
};

const isDatagram = ({ type, proto }: InetKind) =>
  type === S.SOCK_DGRAM && (proto === S.IPPROTO_UDP || proto === S.IPPROTO_UDPLITE);

/** Protocols of sockets that are no raw ones, and what others are called. */
const KNOWN: readonly number[] = [S.IPPROTO_TCP, S.IPPROTO_UDP, S.IPPROTO_UDPLITE, S.IPPROTO_ICMP, S.IPPROTO_ICMPV6];
const CONNECTED: readonly number[] = [
  S.TCP_ESTABLISHED,
  S.TCP_SYN_SENT,
  S.TCP_FIN_WAIT1,
  S.TCP_FIN_WAIT2,
  S.TCP_CLOSE_WAIT,
  S.TCP_LAST_ACK,
  S.TCP_CLOSING,
];
const OTHERS: Readonly<Record<number, string>> = {
  [S.IPPROTO_MPTCP]: 'a multipath TCP socket (MPTCP)',
  [S.IPPROTO_SCTP]: 'an SCTP socket',
};

function kindOf(file: Description, fd: number): InetKind {
  const family = getOption(fd, S.SO_DOMAIN);
  const type = getOption(fd, S.SO_TYPE);
  const proto = getOption(fd, S.SO_PROTOCOL);
  if (!isOwnNetwork(fd)) throw unsupported(file, 'a socket of another network namespace');
  const known = type === S.SOCK_RAW || (KNOWN.includes(proto) && (type === S.SOCK_STREAM || type === S.SOCK_DGRAM));
  if (!known) throw unsupported(file, OTHERS[proto] ?? `a socket of type ${type} and protocol ${proto}`);
  return { family, type, proto };
}

function ask(
  file: Description,
  fd: number,
  kind: InetKind,
  listed: InetSocket | undefined,
  established: boolean,
): Asked {
  const tcp = kind.type === S.SOCK_STREAM ? tcpInfo(fd) : undefined;
  const src = name('getsockname', fd);
  let dst = tcp ? peerName(fd, kind.family) : name('getpeername', fd);
  const to = listed?.dst.slice(0, addressWords(kind.family));
  // of a raw socket there is no port by which getpeername(2) could tell that it is connected
  if (!dst && kind.type === S.SOCK_RAW && to?.some((word) => word !== 0))
    dst = { family: kind.family, port: 0, words: to, scopeId: 0, flowInfo: 0 };
  if (src?.flowInfo || dst?.flowInfo) throw unsupported(file, 'an IPv6 socket with a flow label');
  const state = tcp?.state ?? (dst ? S.TCP_ESTABLISHED : S.TCP_CLOSE);
  const ended = state === S.TCP_CLOSE && tcp !== undefined && dst !== undefined && established;
  return {
    ...kind,
    state,
    backlog: state === S.TCP_LISTEN ? tcp!.backlog : 0,
    src: src && hasName(src) && (ended || !(state === S.TCP_CLOSE && tcp && lostPort(fd))) ? src : undefined,
    dst: state === S.TCP_LISTEN || (state === S.TCP_CLOSE && !ended) ? undefined : dst,
    ended,
    shutdown: listed?.shutdown ?? polledShutdown(fd, kind),
  };
}

function name(call: 'getsockname' | 'getpeername', fd: number): InetAddress | undefined {
  const bytes = new Uint8Array(INET_ADDRESS_BYTES);
  const length = Uint32Array.of(bytes.length);
  if (answer(call, sysRaw(call, fd, bytes, length), ['ENOTCONN', 'EINVAL']) === undefined) return undefined;
  return parseInetAddress(bytes.subarray(0, length[0]));
}

/** The other end of a connection, also before it answers and when it is gone (getpeername(2) does not tell that one). */
function peerName(fd: number, family: number): InetAddress | undefined {
  // more room than an address takes is refused
  const bytes = inetAddressBytes({ family, port: 0, words: [] });
  const length = Uint32Array.of(bytes.length);
  const r = sysRaw('getsockopt', fd, S.SOL_SOCKET, S.SO_PEERNAME, bytes, length);
  if (answer('getsockopt', r, ['ENOTCONN'], 'of SO_PEERNAME') === undefined) return undefined;
  return parseInetAddress(bytes.subarray(0, length[0]));
}

const hasName = ({ port, words }: InetAddress) => port !== 0 || words.some((word) => word !== 0);

/** After an attempt to connect that failed, getsockname(2) tells the port that it was made from, which is free again. */
function lostPort(fd: number): boolean {
  const value = new Int32Array(1);
  const r = sysRaw('getsockopt', fd, S.IPPROTO_IP, IP_PROTOCOL, value, Uint32Array.of(4));
  return answer('getsockopt', r, ['ENOPROTOOPT'], 'of IP_PROTOCOL') !== undefined && value[0] === 0;
}

/** shutdown(2) of a socket that no list has: poll(2) tells of the direction that is read from, or of both. */
function polledShutdown(fd: number, { type }: InetKind): number {
  const ready = pollSocket(fd, S.POLLRDHUP | S.POLLHUP);
  if ((ready & S.POLLRDHUP) === 0) return 0;
  // POLLHUP is what a TCP socket without a connection says always
  return type !== S.SOCK_STREAM && ready & S.POLLHUP ? 3 : 1;
}

function refuse(file: Description, fd: number, asked: Asked, listed: InetSocket | undefined, files: Files): void {
  if (isDatagram(asked)) {
    if (getOption(fd, UDP_CORK, S.IPPROTO_UDP)) throw unsupported(file, 'a corked UDP socket (UDP_CORK)');
    return;
  }
  if (asked.type !== S.SOCK_STREAM) return;
  const ulp = new Uint8Array(16);
  const length = Uint32Array.of(ulp.length);
  const r = sysRaw('getsockopt', fd, S.IPPROTO_TCP, TCP_ULP, ulp, length);
  if (r >= 0 && length[0]! > 0) {
    const protocol = Buffer.from(ulp).toString('latin1').replace(/\0.*/s, '');
    throw unsupported(file, `a TCP socket whose data the kernel changes (TCP_ULP ${protocol})`);
  }
  if (r < 0 && r !== -ERRNO.ENOPROTOOPT) answer('getsockopt', r, [], 'of TCP_ULP');
  if (listed?.md5) throw unsupported(file, 'a TCP socket that signs its segments (TCP_MD5SIG)');
  const { state } = asked;
  if (state === S.TCP_CLOSE) {
    if (!asked.ended && !files.ctx.options.tcpClose) refuseUnread(file, fd);
    return;
  }
  if (state === S.TCP_LISTEN) {
    const { waiting } = tcpInfo(fd);
    if (waiting === 0) return;
    const what = waiting === 1 ? 'a connection that waits' : `${waiting} connections that wait`;
    if (!files.ctx.options.skipInFlight)
      throw unsupported(file, `${what} to be accepted`, 'cannot be carried; --skip-in-flight leaves them out');
    files.ctx.log.warn(`${file.where} (${file.link}): ${what} to be accepted: lost (--skip-in-flight)`);
    return;
  }
  if (!CONNECTED.includes(state)) throw unsupported(file, `a TCP connection in state ${state}`);
  const { tcpEstablished, tcpClose } = files.ctx.options;
  if (!tcpEstablished && !tcpClose)
    throw unsupported(file, 'a TCP connection', 'is dumped with --tcp-established only, or closed with --tcp-close');
}

/** An error that the next call would be told; asking for it (SO_ERROR) would take it away. */
function warn(file: Description, fd: number, files: Files): void {
  if (pollSocket(fd) & S.POLLERR && !files.ctx.running)
    files.ctx.log.warn(`${file.where} (${file.link}): a socket with an error that nobody has asked for: that is lost`);
}

/** Whether its own address is one that needs the interface it is bound to: link-local, or multicast near by. */
function boundTo({ family, src }: Asked): boolean {
  if (family !== S.AF_INET6 || !src?.port) return false;
  const first = src.words[0]!;
  const [a, b] = [first & 0xff, (first >>> 8) & 0xff];
  return (a === 0xfe && (b & 0xc0) === 0x80) || (a === 0xff && ((b & 0xf) === 1 || (b & 0xf) === 2));
}
