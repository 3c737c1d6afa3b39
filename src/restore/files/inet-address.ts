import type { InetSkEntry } from '../../image/generated/messages.js';
import { addressWords, type InetAddress } from '../../kernel/uapi/sockaddr.js';

export type Address = Pick<InetAddress, 'family' | 'port' | 'words'>;

/** The address that a socket is bound to. */
export const ownAddress = ({ family, src_port, src_addr = [] }: InetSkEntry): Address => ({
  family,
  port: src_port,
  words: src_addr.slice(0, addressWords(family)),
});

/** The address that it is connected to. */
export const peerAddress = ({ family, dst_port, dst_addr = [] }: InetSkEntry): Address => ({
  family,
  port: dst_port,
  words: dst_addr.slice(0, addressWords(family)),
});

export const isSet = ({ port, words }: Address): boolean => port !== 0 || words.some((word) => word !== 0);

/** Words of ::ffff:0:0/96. */
const MAPPED = [0, 0, 0xffff0000] as const;

/** IPv4, as sockets of IPv6 see it. */
export const isMapped = (words: readonly number[]): boolean =>
  words.length === 4 && MAPPED.every((word, i) => words[i] === word);
