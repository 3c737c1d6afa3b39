import { closeSync } from 'node:fs';
import {
  AF_UNIX,
  MSG_CMSG_CLOEXEC,
  MSG_DONTWAIT,
  MSGHDR_BYTES,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
} from '../kernel/uapi/socket.js';
import { ERRNO } from '../kernel/uapi/errno.js';
import { sendMessage } from '../native/message.js';
import { SysError, sys } from '../native/sys.js';
import { Load, type Ref } from './batch.js';
import { CURE, type Borrowed } from './borrow.js';
import { ARG_LOAD32 } from './generated/layout.js';

/** struct cmsghdr with one descriptor (cmsg(3)), bytes */
const CMSG_BYTES = 24;

/** A copy of a descriptor of another process (pidfd_getfd(2), Linux 5.6): the description is shared. @throws SysError */
export function takeFd(pidfd: number, fd: number): number {
  return sys('pidfd_getfd', pidfd, fd, 0);
}

export function openPidfd(pid: number): number {
  return sys('pidfd_open', pid, 0);
}

function sendFd(socket: number, fd: number): void {
  const sent = sendMessage(socket, new Uint8Array(1), [fd], 0);
  if (sent < 0) throw new SysError('sendmsg', -sent, 'of a descriptor');
}

/** Sends a descriptor through a socket of a process. */
function sendThrough(pid: number, socket: number, fd: number): void {
  const pidfd = openPidfd(pid);
  try {
    const own = takeFd(pidfd, socket);
    try {
      sendFd(own, fd);
    } finally {
      closeSync(own);
    }
  } finally {
    closeSync(pidfd);
  }
}

/**
 * Gives a borrowed process a descriptor of crit's: a socket pair is made inside it, crit takes one end with
 * pidfd_getfd and sends through it, which works across any namespaces. Should crit die, the process closes what it
 * got. 2 batches. The caller closes it with `close` in the process when done.
 * @returns the number in the process
 * @throws RemoteError, SysError ERRNO.EMFILE when its table is full
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
  const closes = (place: number, address: number) => {
    borrowed.setCure(place, 'close', new Load(address, ARG_LOAD32));
  };
  closes(CURE.given, control + 16);
  closes(CURE.oneEnd, pair);
  closes(CURE.otherEnd, pair + 4);
  puppet.must('socketpair', AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair);
  const inside = [words.view.getInt32(0, true), words.view.getInt32(4, true)] as const;
  const at = 16 + CMSG_BYTES;
  words.view.setBigUint64(at + 16, BigInt(iov), true);
  words.view.setBigUint64(at + 24, 1n, true);
  words.view.setBigUint64(at + 32, BigInt(control), true);
  words.view.setBigUint64(at + 40, BigInt(CMSG_BYTES), true);
  words.view.setBigUint64(at + MSGHDR_BYTES, BigInt(iov + 16), true);
  words.view.setBigUint64(at + MSGHDR_BYTES + 8, 1n, true);
  let got: Ref;
  try {
    sendThrough(borrowed.pid, inside[1], fd);
  } finally {
    // also after a failure, when there is nothing to receive
    const b = puppet.batch();
    b.doing('taking a descriptor of crit');
    got = b.tryCall('recvmsg', inside[0], header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    b.call('close', inside[0]);
    b.call('close', inside[1]);
    b.doing(undefined);
    b.run();
    // The socket pair's numbers are free again: only the new descriptor is left to cure.
    borrowed.clearCure(CURE.oneEnd);
    borrowed.clearCure(CURE.otherEnd);
  }
  const given = words.view.getInt32(16 + 16, true);
  // a full table takes the message without its descriptor
  if (given < 0) throw new SysError('recvmsg', got.value < 0 ? -got.value : ERRNO.EMFILE, `in process ${borrowed.pid}`);
  return given;
}
