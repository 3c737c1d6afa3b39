import { ipText } from '../decode/raw/ip-text.js';
import type { ImageDir } from '../encode/image-dir.js';
import type {
  FileEntry,
  InetSkEntry,
  NetlinkSkEntry,
  PacketSockEntry,
  UnixSkEntry,
} from '../image/generated/messages.js';
import { INET_PROTOCOL, NETLINK_PROTOCOL, SOCKET_FAMILY, SOCKET_STATE, SOCKET_TYPE } from '../image/socket-names.js';
import { NETLINK_CONNECTED } from '../kernel/uapi/netlink.js';
import { SOCK_RAW } from '../kernel/uapi/socket.js';
import { tasksOf } from './tasks.js';

/** A descriptor that refers to a socket. */
export interface SocketOwner {
  readonly pid: number;
  readonly fd: number;
}

/** One socket of the checkpoint. */
export interface SocketInfo {
  readonly id: number;
  /** Inode; undefined for packet sockets, whose image has none. */
  readonly ino: number | undefined;
  readonly family: string;
  readonly type: string;
  readonly protocol: string;
  readonly state: string;
  readonly local: string;
  readonly peer: string;
  /** Bytes received and not read: of packets in sk-queues.img, or of a TCP stream. */
  readonly queued_in: number;
  /** Bytes written and not acknowledged, TCP only. */
  readonly queued_out: number;
  /** Empty for a socket that no descriptor refers to, such as one that waits to be accepted or is in a message. */
  readonly owners: readonly SocketOwner[];
}

const named = (names: Readonly<Record<number, string>>, value: number): string => names[value] ?? String(value);

/** An address as sk-inet has it: words in network byte order that were stored as little endian numbers. */
function inetAddress(words: readonly number[] | undefined, port: number): string {
  const bytes = new Uint8Array((words?.length ?? 0) * 4);
  const view = new DataView(bytes.buffer);
  words?.forEach((word, i) => view.setUint32(i * 4, word, true));
  const text = ipText(bytes) ?? '?';
  return `${text.includes(':') ? `[${text}]` : text}:${port}`;
}

/** A socket's name: a path, or an abstract name with @ for its leading NUL; bytes that are no text as \xNN. */
function unixName(name: Uint8Array): string {
  const abstract = name[0] === 0;
  const path = abstract ? name.subarray(1) : name.subarray(0, name.indexOf(0) < 0 ? undefined : name.indexOf(0));
  const text = new TextDecoder().decode(path);
  const shown = text.includes('\ufffd')
    ? Array.from(path, (byte) =>
        byte > 32 && byte < 127 ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`,
      ).join('')
    : // eslint-disable-next-line no-control-regex -- control characters are what must not reach a terminal
      text.replace(/[\x00-\x1f\x7f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return abstract ? `@${shown}` : shown;
}

type SocketFacts = Omit<SocketInfo, 'owners' | 'queued_in' | 'queued_out'> & { readonly stream?: boolean };

function inet(sk: InetSkEntry): SocketFacts {
  return {
    id: sk.id,
    ino: sk.ino,
    family: named(SOCKET_FAMILY, sk.family),
    type: named(SOCKET_TYPE, sk.type),
    protocol: named(INET_PROTOCOL, sk.proto),
    state: named(SOCKET_STATE, sk.state),
    local: inetAddress(sk.src_addr, sk.src_port),
    peer: sk.dst_port === 0 ? '' : inetAddress(sk.dst_addr, sk.dst_port),
    stream: true,
  };
}

function unix(sk: UnixSkEntry, byInode: ReadonlyMap<number, UnixSkEntry>): SocketFacts {
  const peer = byInode.get(sk.peer);
  const peerName = peer ? unixName(peer.name) : '';
  return {
    id: sk.id,
    ino: sk.ino,
    family: 'UNIX',
    type: named(SOCKET_TYPE, sk.type),
    protocol: '',
    state: named(SOCKET_STATE, sk.state),
    local: unixName(sk.name),
    peer: sk.peer === 0 ? '' : `ino ${sk.peer}${peerName === '' ? '' : ` ${peerName}`}`,
  };
}

function netlink(sk: NetlinkSkEntry): SocketFacts {
  const groups = (sk.groups ?? []).some((word) => word !== 0)
    ? ` groups ${(sk.groups ?? []).map((word) => `0x${word.toString(16)}`).join(',')}`
    : '';
  return {
    id: sk.id,
    ino: sk.ino,
    family: 'NETLINK',
    type: named(SOCKET_TYPE, sk.type ?? SOCK_RAW),
    protocol: named(NETLINK_PROTOCOL, sk.protocol),
    state: sk.state === NETLINK_CONNECTED ? 'ESTABLISHED' : '',
    local: `port ${sk.portid}${groups}`,
    peer: sk.dst_portid === 0 && sk.dst_group === 0 ? '' : `port ${sk.dst_portid} group ${sk.dst_group}`,
  };
}

function packet(sk: PacketSockEntry): SocketFacts {
  return {
    id: sk.id,
    ino: undefined,
    family: 'PACKET',
    type: named(SOCKET_TYPE, sk.type),
    // The image keeps the protocol in network byte order.
    protocol: `0x${(((sk.protocol & 0xff) << 8) | ((sk.protocol >> 8) & 0xff)).toString(16).padStart(4, '0')}`,
    state: '',
    local: sk.ifindex === 0 ? 'any interface' : `ifindex ${sk.ifindex}`,
    peer: '',
  };
}

function owners(images: ImageDir): Map<number, SocketOwner[]> {
  const out = new Map<number, SocketOwner[]>();
  for (const { pid } of tasksOf(images)) {
    const table = images.first('IDS', pid)?.files_id;
    if (table === undefined) continue;
    for (const { fd, id } of images.messages('FDINFO', table) ?? []) {
      const list = out.get(id) ?? [];
      list.push({ pid, fd });
      out.set(id, list);
    }
  }
  return out;
}

function unixSockets(images: ImageDir, files: readonly FileEntry[]): readonly UnixSkEntry[] {
  const inFiles = files.flatMap(({ usk }) => (usk ? [usk] : []));
  return [...inFiles, ...(images.messages('UNIXSK') ?? [])];
}

/** Every socket in the images, in the order of files.img; older sets have one image per family instead. */
export function sockets(images: ImageDir): readonly SocketInfo[] {
  const files = images.messages('FILES') ?? [];
  const found: SocketFacts[] = [];
  const allUnix = unixSockets(images, files);
  const byInode = new Map(allUnix.map((sk) => [sk.ino, sk]));
  for (const { isk, usk, nlsk, psk } of files) {
    if (isk) found.push(inet(isk));
    else if (usk) found.push(unix(usk, byInode));
    else if (nlsk) found.push(netlink(nlsk));
    else if (psk) found.push(packet(psk));
  }
  for (const sk of images.messages('INETSK') ?? []) found.push(inet(sk));
  for (const sk of images.messages('UNIXSK') ?? []) found.push(unix(sk, byInode));
  for (const sk of images.messages('NETLINK_SK') ?? []) found.push(netlink(sk));
  for (const sk of images.messages('PACKETSK') ?? []) found.push(packet(sk));

  const packets = new Map<number, number>();
  for (const { id_for, length } of images.messages('SK_QUEUES') ?? []) {
    packets.set(id_for, (packets.get(id_for) ?? 0) + length);
  }
  const byOwner = owners(images);
  const out: SocketInfo[] = [];
  for (const { stream, ...socket } of found) {
    const tcp = stream && socket.ino !== undefined ? images.first('TCP_STREAM', socket.ino) : undefined;
    out.push({
      ...socket,
      queued_in: (packets.get(socket.id) ?? 0) + (tcp?.inq_len ?? 0),
      queued_out: tcp?.outq_len ?? 0,
      owners: byOwner.get(socket.id) ?? [],
    });
  }
  return out;
}
