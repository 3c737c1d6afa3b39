import { closeSync } from 'node:fs';
import { AF_UNIX, SO_NETNS_COOKIE, SOCK_CLOEXEC, SOCK_DGRAM, SOL_SOCKET } from '../../kernel/uapi/socket.js';
import { sys } from '../../native/sys.js';

let own: bigint | undefined;

function cookieOf(fd: number): bigint {
  const cookie = new BigUint64Array(1);
  sys('getsockopt', fd, SOL_SOCKET, SO_NETNS_COOKIE, cookie, Uint32Array.of(cookie.byteLength));
  return cookie[0]!;
}

/** Whether a socket is of crit's own network namespace. @param fd crit's own descriptor of it */
export function isOwnNetwork(fd: number): boolean {
  if (own === undefined) {
    const socket = sys('socket', AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    try {
      own = cookieOf(socket);
    } finally {
      closeSync(socket);
    }
  }
  return cookieOf(fd) === own;
}
