import { FdTypes, type NetlinkSkEntry } from '../../image/generated/messages.js';
import { NAMESPACES } from '../../image/namespaces.js';
import { netlinkDiagRequest, parseNetlinkDiag, type NetlinkSocket } from '../../kernel/netlink/netlink-diag.js';
import {
  NETLINK_CONNECTOR,
  NETLINK_LIST_MEMBERSHIPS,
  NETLINK_OPTIONS,
  SOL_NETLINK,
} from '../../kernel/uapi/netlink.js';
import { POLLERR, POLLIN, SO_PROTOCOL, SO_TYPE, SOCK_RAW } from '../../kernel/uapi/socket.js';
import { sys, SysError } from '../../native/sys.js';
import type { Description } from './description.js';
import type { Files } from './files.js';
import type { MakesEntries } from './kind.js';
import { isOwnNetwork } from './own-network.js';
import { socketOwner } from './peer-credentials.js';
import { askSockDiag } from '../../task/sock-diag.js';
import { getOption, socketOptions } from './socket-options.js';
import { pollSocket } from './socket-queue.js';
import { unsupported } from './unsupported.js';

/** Room for the groups of a protocol: a bit for each. */
const GROUPS_BYTES = 512;

/** netlink(7) */
export const netlink: MakesEntries = {
  type: FdTypes.NETLINKSK,
  make: (files) => {
    let list: ReadonlyMap<number, NetlinkSocket> | undefined;
    return (file) =>
      files.use(file, (fd) => {
        if (!isOwnNetwork(fd)) throw unsupported(file, 'a socket of another network namespace');
        const ino = Number(file.stat.ino & 0xffffffffn);
        const listed = (list ??= readNetlinkSockets()).get(ino);
        const protocol = getOption(fd, SO_PROTOCOL);
        const type = getOption(fd, SO_TYPE);
        const groups = groupsOf(fd);
        refuse(file, fd, protocol, groups, listed, files);
        const nlsk: NetlinkSkEntry = {
          id: file.id,
          ino,
          protocol,
          state: listed?.state ?? 0,
          flags: file.info.flags,
          portid: listed?.port ?? 0,
          dst_portid: listed?.peerPort ?? 0,
          dst_group: listed?.peerGroup ?? 0,
          fown: file.owner,
          opts: socketOptions(file, fd),
          ns_id: NAMESPACES.net.host,
          ...(type !== SOCK_RAW && { type }),
          ...socketOwner(file.stat),
        };
        if (groups.length > 0) nlsk.groups = groups;
        for (const { field, option } of NETLINK_OPTIONS) if (getOption(fd, option, SOL_NETLINK)) nlsk[field] = true;
        return { nlsk };
      });
  },
};

/** All of crit's network namespace that have a port or a group, by inode number. */
function readNetlinkSockets(): ReadonlyMap<number, NetlinkSocket> {
  const found = new Map<number, NetlinkSocket>();
  const errno = askSockDiag(netlinkDiagRequest(), (datagram) => parseNetlinkDiag(datagram, (s) => found.set(s.ino, s)));
  if (errno) throw new SysError('recvfrom', errno, 'of the list of netlink sockets');
  return found;
}

/** Multicast groups, a bit each, in words up to the last one that has any. */
function groupsOf(fd: number): number[] {
  const words = new Uint32Array(GROUPS_BYTES >> 2);
  const length = Uint32Array.of(GROUPS_BYTES);
  sys('getsockopt', fd, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, words, length);
  const told = [...words.subarray(0, Math.min(words.length, length[0]! >>> 2))];
  return told.slice(0, told.findLastIndex((word) => word !== 0) + 1);
}

function refuse(
  file: Description,
  fd: number,
  protocol: number,
  groups: readonly number[],
  listed: NetlinkSocket | undefined,
  files: Files,
): void {
  // its kernel side knows which events it wants, and tells nobody
  if (protocol === NETLINK_CONNECTOR && groups.length > 0)
    throw unsupported(file, 'a netlink socket that is told of events by the connector (NETLINK_CONNECTOR)');
  // what runs on keeps it
  const ready = pollSocket(fd);
  if (ready & POLLIN || listed?.answering)
    throw unsupported(
      file,
      'a netlink socket with messages that nobody has read',
      'cannot be carried: only the kernel can send them; dump again when they are read',
    );
  if (ready & POLLERR && !files.ctx.running)
    files.ctx.log.warn(
      `${file.where} (${file.link}): a netlink socket with an error that nobody has asked for (messages were lost?): that is lost`,
    );
}
