import type { InetSkEntry } from '../image/generated/messages.js';
import { wordBytes } from './uapi/sockaddr.js';

/** Both addresses as they are in the network, and ports, of packets in one direction. */
export interface Direction {
  readonly source: Uint8Array;
  readonly sourcePort: number;
  readonly target: Uint8Array;
  readonly targetPort: number;
}

/** The segments of a connection in either direction: what goes out, what comes in; IPv4 also where an IPv6 socket speaks it. */
export function directionsOf(isk: InetSkEntry): { readonly out: Direction; readonly in: Direction } {
  const [own, peer] = [isk.src_addr ?? [], isk.dst_addr ?? []].map((words) =>
    wordBytes(words[2] === 0xffff0000 && words.length === 4 ? words.slice(3) : words),
  ) as [Uint8Array, Uint8Array];
  return {
    out: { source: own, sourcePort: isk.src_port, target: peer, targetPort: isk.dst_port },
    in: { source: peer, sourcePort: isk.dst_port, target: own, targetPort: isk.src_port },
  };
}

/** How CRIU's and crit's own packets are marked (SO_MARK): locks let them through. */
export const LOCK_MARK = 0xc114;
