import { inetDiagRequest, parseInetDiag, type InetSocket } from '../../kernel/netlink/inet-diag.js';
import { ERRNO } from '../../kernel/uapi/errno.js';
import { SysError } from '../../native/sys.js';
import { askSockDiag } from '../../task/sock-diag.js';

/** The kernel has no such list: neither built in nor as a module that it could load. */
const NO_LIST: readonly number[] = [ERRNO.ENOENT, ERRNO.EOPNOTSUPP, ERRNO.EINVAL];

/** Lists of the sockets of crit's network namespace as of the moment the first one was asked for: the tree stands. */
export class InetSockets {
  readonly #lists = new Map<string, ReadonlyMap<number, InetSocket>>();

  /** What the kernel lists of a socket; undefined for those that are neither bound nor connected. */
  find(family: number, type: number, proto: number, ino: number): InetSocket | undefined {
    const key = `${family} ${type} ${proto}`;
    let list = this.#lists.get(key);
    if (!list) this.#lists.set(key, (list = readList(family, type, proto)));
    return list.get(ino);
  }
}

function readList(family: number, type: number, proto: number): ReadonlyMap<number, InetSocket> {
  const found = new Map<number, InetSocket>();
  const errno = askSockDiag(inetDiagRequest(family, type, proto), (datagram) =>
    parseInetDiag(datagram, (s) => found.set(s.ino, s)),
  );
  if (errno && !NO_LIST.includes(errno)) throw new SysError('recvfrom', errno, 'of a list of sockets');
  return found;
}
