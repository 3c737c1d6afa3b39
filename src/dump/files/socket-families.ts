import {
  AF_INET,
  AF_INET6,
  AF_NETLINK,
  AF_PACKET,
  AF_UNIX,
  AF_VSOCK,
  AF_XDP,
  SO_DOMAIN,
} from '../../kernel/uapi/socket.js';
import { O_PATH } from '../../kernel/uapi/open-flags.js';
import { S_IFMT, S_IFSOCK } from '../../kernel/uapi/stat.js';
import type { Description } from './description.js';
import type { Files } from './files.js';
import { inet } from './inet.js';
import type { MakesEntries } from './kind.js';
import { netlink } from './netlink.js';
import { packet } from './packet.js';
import { getOption } from './socket-options.js';
import { unix } from './unix.js';
import { unsupported } from './unsupported.js';

/** Families of sockets (socket(7)): how they are dumped, or what they are called where they are refused. */
export const SOCKET_FAMILIES: ReadonlyMap<number, MakesEntries | string> = new Map<number, MakesEntries | string>([
  [AF_UNIX, unix],
  [AF_INET, inet],
  [AF_INET6, inet],
  [AF_NETLINK, netlink],
  [AF_PACKET, packet],
  [AF_VSOCK, 'a vsock socket'],
  [AF_XDP, 'an XDP socket'],
]);

export const isSocket = ({ link, stat, info }: Description): boolean =>
  (stat.mode & S_IFMT) === S_IFSOCK && link.startsWith('socket:[') && !(info.flags & O_PATH);

/** How a socket is dumped. @throws CritError UNSUPPORTED */
export function familyOf(file: Description, files: Files): MakesEntries {
  const number = files.use(file, (fd) => getOption(fd, SO_DOMAIN));
  const family = SOCKET_FAMILIES.get(number) ?? `a socket of family ${number}`;
  if (typeof family === 'string') throw unsupported(file, family);
  return family;
}
