import { closeSync } from 'node:fs';
import { AF_NETLINK, SOCK_CLOEXEC, SOCK_RAW } from '../../kernel/uapi/socket.js';
import { parseUnixDiag, unixDiagRequest, type UnixSocket } from '../../kernel/netlink/unix-diag.js';
import { sys, SysError } from '../../native/sys.js';

const NETLINK_SOCK_DIAG = 4;
const DATAGRAM_BYTES = 1 << 16;

/** All unix sockets of crit's network namespace, by inode number: one request, a system call per some 300 sockets. */
export function readUnixSockets(): Map<number, UnixSocket> {
  const found = new Map<number, UnixSocket>();
  const socket = sys('socket', AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  try {
    const request = unixDiagRequest();
    sys('sendto', socket, request, request.length, 0, null, 0);
    const buffer = new Uint8Array(DATAGRAM_BYTES);
    for (;;) {
      const n = sys('recvfrom', socket, buffer, buffer.length, 0, null, null);
      const { done, errno } = parseUnixDiag(buffer.subarray(0, n), (s) => found.set(s.ino, s));
      if (errno) throw new SysError('recvfrom', errno, 'of the list of unix sockets');
      if (done || n === 0) return found;
    }
  } finally {
    closeSync(socket);
  }
}
