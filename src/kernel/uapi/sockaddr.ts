import { AF_INET, AF_INET6 } from './socket.js';

/** An address of IPv4 or IPv6 with its port: struct sockaddr_in, sockaddr_in6 (linux/in.h, linux/in6.h). */
export interface InetAddress {
  readonly family: number;
  readonly port: number;
  /** 1 or 4 words that hold the bytes as they are in the network, as images have them. */
  readonly words: readonly number[];
  /** Index of the interface of a link-local address. */
  readonly scopeId: number;
  /** Flow label, in network byte order. */
  readonly flowInfo: number;
}

export const INET_ADDRESS_BYTES = 28;

const SIN = { family: 0, port: 2, address: 4, bytes: 16 } as const;
const SIN6 = { flowInfo: 4, address: 8, scopeId: 24, bytes: 28 } as const;

/** Words of an address of a family. */
export const addressWords = (family: number): number => (family === AF_INET6 ? 4 : 1);

/** Takes an address apart; undefined where it is of another family, or too short. */
export function parseInetAddress(bytes: Uint8Array): InetAddress | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < SIN.bytes) return undefined;
  const family = view.getUint16(SIN.family, true);
  const port = view.getUint16(SIN.port);
  if (family === AF_INET) return { family, port, words: [view.getUint32(SIN.address, true)], scopeId: 0, flowInfo: 0 };
  if (family !== AF_INET6 || bytes.length < SIN6.bytes) return undefined;
  return {
    family,
    port,
    words: [0, 4, 8, 12].map((at) => view.getUint32(SIN6.address + at, true)),
    scopeId: view.getUint32(SIN6.scopeId, true),
    flowInfo: view.getUint32(SIN6.flowInfo),
  };
}

/** The bytes that system calls take. */
export function inetAddressBytes(
  address: Pick<InetAddress, 'family' | 'port' | 'words'> & Partial<InetAddress>,
): Uint8Array {
  const six = address.family === AF_INET6;
  const view = new DataView(new ArrayBuffer(six ? SIN6.bytes : SIN.bytes));
  view.setUint16(SIN.family, address.family, true);
  view.setUint16(SIN.port, address.port);
  const at = six ? SIN6.address : SIN.address;
  for (let i = 0; i < addressWords(address.family); i++) view.setUint32(at + 4 * i, address.words[i] ?? 0, true);
  if (six) {
    view.setUint32(SIN6.scopeId, address.scopeId ?? 0, true);
    view.setUint32(SIN6.flowInfo, address.flowInfo ?? 0);
  }
  return new Uint8Array(view.buffer);
}

/** The bytes of an address as they are in the network. */
export const wordBytes = (words: readonly number[]): Uint8Array => new Uint8Array(Uint32Array.from(words).buffer);

/** For people: 127.0.0.1:80, [::1]:80. */
export function addressText({ family, port, words }: Pick<InetAddress, 'family' | 'port' | 'words'>): string {
  const bytes = wordBytes(words);
  if (family === AF_INET) return `${bytes.subarray(0, 4).join('.')}:${port}`;
  const view = new DataView(bytes.buffer);
  const parts = Array.from({ length: 8 }, (_, i) => view.getUint16(2 * i).toString(16));
  const text = parts.join(':').replace(/(^|:)0(:0)+(:|$)/, '::');
  return `[${text}]:${port}`;
}
