import { closeSync } from 'node:fs';
import { NLM_F, parseRt, rtRequest, type Attribute, type RtMessage } from '../kernel/netlink/rtnetlink.js';
import { NETLINK_GET_STRICT_CHK, NETLINK_ROUTE, SOL_NETLINK } from '../kernel/uapi/netlink.js';
import { AF_NETLINK, SOCK_CLOEXEC, SOCK_RAW } from '../kernel/uapi/socket.js';
import { sys, sysRaw, SysError } from '../native/sys.js';

const DATAGRAM_BYTES = 1 << 16;

/** Asks about the network devices of crit's network namespace, and sets them (rtnetlink(7)). */
export class Rtnetlink implements Disposable {
  readonly #socket: number;

  /** @throws SysError */
  constructor() {
    this.#socket = sys('socket', AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    sysRaw('setsockopt', this.#socket, SOL_NETLINK, NETLINK_GET_STRICT_CHK, Int32Array.of(1), 4);
  }

  /** All there is, or what the header and attributes choose. @throws SysError */
  list(type: number, header: Uint8Array, attributes: readonly Attribute[] = []): RtMessage[] {
    return this.#ask(rtRequest(type, NLM_F.dump, header, attributes), header.length);
  }

  /** One thing. @throws SysError */
  ask(type: number, header: Uint8Array, attributes: readonly Attribute[] = []): RtMessage | undefined {
    return this.#ask(rtRequest(type, NLM_F.ack, header, attributes), header.length)[0];
  }

  /** Sets something. @returns its errno, 0 for none */
  set(type: number, flags: number, header: Uint8Array, attributes: readonly Attribute[] = []): number {
    try {
      this.#ask(rtRequest(type, NLM_F.ack | flags, header, attributes), header.length);
    } catch (error) {
      if (error instanceof SysError) return error.errno;
      throw error;
    }
    return 0;
  }

  #ask(request: Uint8Array, headerBytes: number): RtMessage[] {
    sys('sendto', this.#socket, request, request.length, 0, null, 0);
    const found: RtMessage[] = [];
    for (;;) {
      const room = new Uint8Array(DATAGRAM_BYTES);
      const n = sys('recvfrom', this.#socket, room, room.length, 0, null, null);
      const { done, errno } = parseRt(room.subarray(0, n), headerBytes, (message) => found.push(message));
      if (errno) throw new SysError('sendto', errno, 'to rtnetlink');
      if (done || n === 0) return found;
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#socket);
  }
}
