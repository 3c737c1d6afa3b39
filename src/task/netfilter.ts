import { closeSync } from 'node:fs';
import { NETLINK_NETFILTER, refusalOf } from '../kernel/netlink/nftables.js';
import { ERRNO } from '../kernel/uapi/errno.js';
import { AF_NETLINK, MSG_DONTWAIT, SO_SNDBUFFORCE, SOCK_CLOEXEC, SOCK_RAW, SOL_SOCKET } from '../kernel/uapi/socket.js';
import { sys, sysRaw, SysError } from '../native/sys.js';
import type { Batch } from './batch.js';

const ANSWER_BYTES = 1 << 16;

/** Sends requests to nf_tables of crit's network namespace. */
export class Netfilter implements Disposable {
  readonly #socket: number;

  /** @throws SysError */
  constructor() {
    this.#socket = sys('socket', AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
  }

  /** @throws SysError what the kernel says */
  ask(request: Uint8Array): void {
    sysRaw('setsockopt', this.#socket, SOL_SOCKET, SO_SNDBUFFORCE, Int32Array.of(2 * request.length), 4);
    sys('sendto', this.#socket, request, request.length, 0, null, 0);
    const errno = this.answer();
    if (errno) throw new SysError('sendto', errno, 'to nf_tables');
  }

  /** Adds a request to a batch of crit's own; `answer` tells what became of it. */
  add(b: Batch, address: bigint, length: number): void {
    b.tryCall('sendto', this.#socket, address, length, 0, null, 0);
  }

  /** The errno of the requests so far, 0 for none: they are worked off while they are sent. */
  answer(): number {
    const room = new Uint8Array(ANSWER_BYTES);
    let errno = 0;
    for (;;) {
      const n = sysRaw('recvfrom', this.#socket, room, room.length, MSG_DONTWAIT, null, null);
      if (n === -ERRNO.EAGAIN || n === 0) return errno;
      if (n < 0) return -n;
      errno ||= refusalOf(room.subarray(0, n));
    }
  }

  /** What belongs to it goes. */
  [Symbol.dispose](): void {
    closeSync(this.#socket);
  }
}
