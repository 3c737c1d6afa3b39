import { parseUnixDiag, unixDiagRequest, type UnixSocket } from '../../kernel/netlink/unix-diag.js';
import { SysError } from '../../native/sys.js';
import { askSockDiag } from '../../task/sock-diag.js';

/** All unix sockets of crit's network namespace, by inode number. */
export function readUnixSockets(): Map<number, UnixSocket> {
  const found = new Map<number, UnixSocket>();
  const errno = askSockDiag(unixDiagRequest(), (datagram) => parseUnixDiag(datagram, (s) => found.set(s.ino, s)));
  if (errno) throw new SysError('recvfrom', errno, 'of the list of unix sockets');
  return found;
}
