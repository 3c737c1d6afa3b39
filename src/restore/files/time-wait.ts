import { inetDiagRequest, parseInetDiag } from '../../kernel/netlink/inet-diag.js';
import { addressWords } from '../../kernel/uapi/sockaddr.js';
import { IPPROTO_TCP, SOCK_STREAM, TCP_TIME_WAIT } from '../../kernel/uapi/socket.js';
import type { InetSkEntry } from '../../image/generated/messages.js';
import { askSockDiag } from '../../task/sock-diag.js';
import { ownAddress, peerAddress } from './inet-address.js';

const keyOf = (srcPort: number, dstPort: number, src: readonly number[], dst: readonly number[]) =>
  [srcPort, dstPort, ...src, ...dst].join(' ');

/**
 * Connections that the kernel remembers for a minute when both ends have closed them, to answer what of the other end comes
 * late: TIME_WAIT. Which ones there are is asked once for each family.
 */
export class TimeWait {
  readonly #lists = new Map<number, ReadonlySet<string>>();

  has(isk: InetSkEntry): boolean {
    const { family } = isk;
    let list = this.#lists.get(family);
    if (!list) this.#lists.set(family, (list = readList(family)));
    const [own, peer] = [ownAddress(isk), peerAddress(isk)];
    return list.has(keyOf(own.port, peer.port, own.words, peer.words));
  }
}

/** Empty where the kernel has no such list. */
function readList(family: number): ReadonlySet<string> {
  const found = new Set<string>();
  askSockDiag(inetDiagRequest(family, SOCK_STREAM, IPPROTO_TCP, TCP_TIME_WAIT), (datagram) =>
    parseInetDiag(datagram, ({ srcPort, dstPort, src, dst }) => {
      const words = addressWords(family);
      found.add(keyOf(srcPort, dstPort, src.slice(0, words), dst.slice(0, words)));
    }),
  );
  return found;
}
