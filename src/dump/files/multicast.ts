import type { InetSkEntry } from '../../image/generated/messages.js';
import { ERRNO } from '../../kernel/uapi/errno.js';
import { GROUP_FILTER, MCAST_INCLUDE, MCAST_MSFILTER } from '../../kernel/uapi/inet.js';
import { inetAddressBytes, parseInetAddress, INET_ADDRESS_BYTES } from '../../kernel/uapi/sockaddr.js';
import { AF_INET, AF_INET6, IPPROTO_IP, IPPROTO_IPV6 } from '../../kernel/uapi/socket.js';
import { multicastGroups, type MulticastGroup } from '../../kernel/proc/multicast.js';
import { sysRaw, SysError } from '../../native/sys.js';

type Membership = NonNullable<InetSkEntry['groups']>[number];

/** Sources that are asked for at first. */
const SOURCES = 16;

/** Finds out which multicast groups sockets have joined: the kernel tells it of one group of one socket at a time. */
export class Memberships {
  readonly #known = new Map<number, readonly MulticastGroup[]>();

  /** @param fd crit's own descriptor of the socket */
  of(fd: number, family: number): Membership[] {
    const found: Membership[] = [];
    for (const level of family === AF_INET6 ? [AF_INET, AF_INET6] : [AF_INET])
      for (const group of this.#groups(level)) {
        const membership = askMembership(fd, level, group);
        if (membership) found.push(membership);
      }
    return found;
  }

  #groups(family: number): readonly MulticastGroup[] {
    let groups = this.#known.get(family);
    if (!groups) this.#known.set(family, (groups = multicastGroups(family === AF_INET6)));
    return groups;
  }
}

function askMembership(fd: number, family: number, { ifindex, words }: MulticastGroup): Membership | undefined {
  for (let room = SOURCES; ;) {
    const view = new DataView(new ArrayBuffer(GROUP_FILTER.sources + room * GROUP_FILTER.sourceBytes));
    const bytes = new Uint8Array(view.buffer);
    view.setUint32(GROUP_FILTER.ifindex, ifindex, true);
    bytes.set(inetAddressBytes({ family, port: 0, words }), GROUP_FILTER.group);
    view.setUint32(GROUP_FILTER.count, room, true);
    const level = family === AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
    const r = sysRaw('getsockopt', fd, level, MCAST_MSFILTER, bytes, Uint32Array.of(bytes.length));
    if (r === -ERRNO.EADDRNOTAVAIL || r === -ERRNO.ENOPROTOOPT || r === -ERRNO.ENODEV) return undefined;
    if (r < 0) throw new SysError('getsockopt', -r, 'of a multicast group');
    const count = view.getUint32(GROUP_FILTER.count, true);
    if (count > room) {
      room = count;
      continue;
    }
    const sources = Array.from({ length: count }, (_, i) => {
      const at = GROUP_FILTER.sources + i * GROUP_FILTER.sourceBytes;
      return parseInetAddress(bytes.subarray(at, at + INET_ADDRESS_BYTES))?.words ?? [];
    }).flat();
    return {
      group: [...words],
      ifindex,
      ...(view.getUint32(GROUP_FILTER.mode, true) === MCAST_INCLUDE && { include: true }),
      ...(sources.length > 0 && { sources }),
    };
  }
}
