import { closeSync } from 'node:fs';
import { addon } from '../native/addon.js';
import { SysError, sys, sysRaw } from '../native/sys.js';
import type { Borrowed } from './borrow.js';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0x80000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_CMSG_CLOEXEC = 0x40000000;
/** struct msghdr and struct cmsghdr with one descriptor (socket(7), cmsg(3)), bytes */
const MSGHDR_BYTES = 56;
const CMSG_BYTES = 24;

/** A copy of a descriptor of another process (pidfd_getfd(2), Linux 5.6): the description is shared. @throws SysError */
export function takeFd(pidfd: number, fd: number): number {
  return sys('pidfd_getfd', pidfd, fd, 0);
}

export function openPidfd(pid: number): number {
  return sys('pidfd_open', pid, 0);
}

function sendFd(socket: number, fd: number): void {
  const byte = new Uint8Array(1);
  const iov = new BigUint64Array([addon().addressOf(byte), 1n]);
  const control = new DataView(new ArrayBuffer(CMSG_BYTES));
  control.setBigUint64(0, 20n, true);
  control.setInt32(8, SOL_SOCKET, true);
  control.setInt32(12, SCM_RIGHTS, true);
  control.setInt32(16, fd, true);
  const header = new BigUint64Array([
    0n,
    0n,
    addon().addressOf(iov),
    1n,
    addon().addressOf(control.buffer),
    BigInt(CMSG_BYTES),
    0n,
  ]);
  const sent = sysRaw('sendmsg', socket, header, 0);
  if (sent < 0) throw new SysError('sendmsg', -sent, 'of a descriptor');
}

/**
 * Gives a borrowed process a descriptor of crit's: a socket pair is made inside it, crit takes one end with
 * pidfd_getfd and sends through it, which works across any namespaces. Should crit die, the process closes what it
 * got. 2 batches. The caller closes it with `close` in the process when done.
 * @returns the number in the process
 * @throws RemoteError EMFILE when its table is full
 */
export function giveFd(borrowed: Borrowed, fd: number): number {
  const words = borrowed.stable(16 + CMSG_BYTES + MSGHDR_BYTES + 32);
  const { puppet } = borrowed;
  const pair = words.address;
  const control = pair + 16;
  const header = control + CMSG_BYTES;
  const iov = header + MSGHDR_BYTES;
  words.view.setInt32(0, -1, true);
  words.view.setInt32(4, -1, true);
  words.view.setInt32(16 + 16, -1, true);
  borrowed.setCure([pair, pair + 4, control + 16]);
  puppet.must('socketpair', AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair);
  const inside = [words.view.getInt32(0, true), words.view.getInt32(4, true)] as const;
  const pidfd = openPidfd(borrowed.pid);
  try {
    const socket = takeFd(pidfd, inside[1]);
    try {
      sendFd(socket, fd);
    } finally {
      closeSync(socket);
    }
  } finally {
    closeSync(pidfd);
  }
  const at = 16 + CMSG_BYTES;
  words.view.setBigUint64(at + 16, BigInt(iov), true);
  words.view.setBigUint64(at + 24, 1n, true);
  words.view.setBigUint64(at + 32, BigInt(control), true);
  words.view.setBigUint64(at + 40, BigInt(CMSG_BYTES), true);
  words.view.setBigUint64(at + MSGHDR_BYTES, BigInt(iov + 16), true);
  words.view.setBigUint64(at + MSGHDR_BYTES + 8, 1n, true);
  const b = puppet.batch();
  b.doing('taking a descriptor of crit');
  b.call('recvmsg', inside[0], header, MSG_CMSG_CLOEXEC);
  b.call('close', inside[0]);
  b.call('close', inside[1]);
  b.doing(undefined);
  b.run();
  // The socket pair's numbers are free again: only the new descriptor is left to cure.
  borrowed.setCure([control + 16]);
  return words.view.getInt32(16 + 16, true);
}
