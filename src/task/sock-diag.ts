import { closeSync } from 'node:fs';
import { AF_NETLINK, SOCK_CLOEXEC, SOCK_RAW } from '../kernel/uapi/socket.js';
import { sys } from '../native/sys.js';

const NETLINK_SOCK_DIAG = 4;
const DATAGRAM_BYTES = 1 << 16;

/**
 * Asks sock_diag(7) about the sockets of crit's network namespace: one request, a system call per some 300 sockets.
 * @param parse takes a datagram of the answer apart
 * @returns the errno of a refusal, or 0
 */
export function askSockDiag(
  request: Uint8Array,
  parse: (datagram: Uint8Array) => { done: boolean; errno: number },
): number {
  const socket = sys('socket', AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  try {
    sys('sendto', socket, request, request.length, 0, null, 0);
    const buffer = new Uint8Array(DATAGRAM_BYTES);
    for (;;) {
      const n = sys('recvfrom', socket, buffer, buffer.length, 0, null, null);
      const { done, errno } = parse(buffer.subarray(0, n));
      if (errno) return errno;
      if (done || n === 0) return 0;
    }
  } finally {
    closeSync(socket);
  }
}
