import type { Pid } from '../image/pid.js';
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
import type { Ref } from './batch.js';
import type { Borrowed } from './borrow.js';
import { OwnInt, type Cure } from './cures.js';
import type { Puppet } from './puppet.js';

/** struct cmsghdr with one descriptor (cmsg(3)): bytes, and where that is */
const CMSG_BYTES = 24;
const CMSG_FD = 16;

/** A copy of a descriptor of another process (pidfd_getfd(2), Linux 5.6): the description is shared. @throws SysError */
export function takeFd(pidfd: number, fd: number): number {
  return sys('pidfd_getfd', pidfd, fd, 0);
}

export function openPidfd(pid: Pid): number {
  return sys('pidfd_open', pid, 0);
}

function sendFd(socket: number, fd: number): void {
  const sent = sendMessage(socket, new Uint8Array(1), { fds: [fd] }, 0);
  if (sent < 0) throw new SysError('sendmsg', -sent, 'of a descriptor');
}

/** Sends a descriptor through a socket of a process. */
function sendThrough(pid: Pid, socket: number, fd: number): void {
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

/** A descriptor of crit's in a borrowed process, which closes it should crit die; disposing of this closes it. */
export class Given implements Disposable {
  /** The number in the process. */
  readonly fd: number;
  readonly #puppet: Puppet;
  readonly #cure: Cure;

  constructor(fd: number, puppet: Puppet, cure: Cure) {
    this.fd = fd;
    this.#puppet = puppet;
    this.#cure = cure;
  }

  /** 1 batch. A puppet that does not answer is taken out of the blob, which closes it. */
  [Symbol.dispose](): void {
    if (this.#puppet.lost) return;
    this.#puppet.must('close', this.fd);
    this.#cure[Symbol.dispose]();
  }
}

/**
 * Gives a borrowed process a descriptor of crit's: a socket pair is made inside it, crit takes one end with
 * pidfd_getfd and sends through it, which works across any namespaces. 2 batches.
 * @throws RemoteError, SysError ERRNO.EMFILE when its table is full
 */
export function giveFd(borrowed: Borrowed, fd: number): Given {
  const { pid, puppet } = borrowed;
  // the words of the first hold struct cmsghdr and the descriptor, those of the second the socket pair
  const cure = borrowed.cure('close', new OwnInt(CMSG_FD));
  try {
    using pair = borrowed.cure('close', new OwnInt(0));
    using _other = borrowed.cure('close', pair.int(4));
    puppet.must('socketpair', AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair.address);
    const inside = [pair.words.getInt32(0, true), pair.words.getInt32(4, true)] as const;
    let got: Ref;
    try {
      sendThrough(pid, inside[1], fd);
    } finally {
      // also after a failure, when there is nothing to receive
      const b = puppet.batch().reserve(3, 2 * 16 + MSGHDR_BYTES + 8);
      using _doing = b.doing('taking a descriptor of crit');
      const vector = b.bytes(words(b.scratch(16), 1));
      const header = b.bytes(words(0, 0, vector.address, 1, cure.address, CMSG_BYTES, 0));
      got = b.tryCall('recvmsg', inside[0], header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
      b.call('close', inside[0]);
      b.call('close', inside[1]);
      b.run();
    }
    const given = cure.words.getInt32(CMSG_FD, true);
    // a full table takes the message without its descriptor
    if (given < 0) throw new SysError('recvmsg', got.value < 0 ? -got.value : ERRNO.EMFILE, `in process ${pid}`);
    return new Given(given, puppet, cure);
  } catch (error) {
    cure[Symbol.dispose]();
    throw error;
  }
}

/** 64-bit words of a structure. */
function words(...values: number[]): Uint8Array {
  return new Uint8Array(BigUint64Array.from(values, BigInt).buffer);
}
