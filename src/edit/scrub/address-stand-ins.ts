import type { StandIns } from './stand-ins.js';

/** Part of an address that is zero, or all ones, stays: of networks and broadcasts. */
const plain = (part: number, most: number): boolean => part === 0 || part === most;

/**
 * Addresses in place of addresses. Those that begin with the same parts (bytes of IPv4, words of IPv6) still do, so that it can
 * be seen which are of one network. Loopback, multicast and link-local ones stay what they are.
 */
export class AddressStandIns {
  readonly #standIns: StandIns;
  readonly #known = new Map<string, number>();
  readonly #used = new Set<string>();

  constructor(standIns: StandIns) {
    this.#standIns = standIns;
  }

  /** A part for a part, by what stands before it. */
  #part(before: string, part: number, from: number, most: number): number {
    const place = `${before}|${part}`;
    let found = this.#known.get(place);
    for (let i = 0; found === undefined; i++) {
      const [a = 0, b = 0] = this.#standIns.bytes(`address\0${place}\0${i}`, 2);
      const tried = from + ((a * 256 + b) % (most - from));
      const taken = `${before}>${tried}`;
      // there may be none left; then two share one
      if (i < 2000 && (this.#used.has(taken) || tried === 127 || tried === 10)) continue;
      this.#used.add(taken);
      this.#known.set(place, (found = tried));
    }
    return found;
  }

  /** 4 or 16 bytes, in network byte order, in place; other lengths become zeros. @returns whether they are others now */
  ip(bytes: Uint8Array): boolean {
    const was = Buffer.from(bytes);
    if (bytes.length === 4) this.#ip4(bytes);
    else if (bytes.length === 16) this.#ip6(bytes);
    else bytes.fill(0);
    return !was.equals(bytes);
  }

  #ip4(bytes: Uint8Array): void {
    const first = bytes[0]!;
    if (first === 127 || first >= 224 || first === 0) return;
    let before = '4';
    for (const [i, part] of [...bytes].entries()) {
      bytes[i] = i > 0 && plain(part, 255) ? part : this.#part(before, part, 1, i === 0 ? 223 : 255);
      before += `.${part}`;
    }
  }

  #ip6(bytes: Uint8Array): void {
    const isMapped = bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
    if (isMapped) {
      this.#ip4(bytes.subarray(12));
      return;
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
    const first = view.getUint16(0);
    const isLoopback = bytes.subarray(0, 15).every((byte) => byte === 0) && bytes[15]! <= 1;
    if (isLoopback || first >= 0xff00) return;
    let before = '6';
    for (let i = 0; i < 8; i++) {
      const part = view.getUint16(2 * i);
      const stays = (i === 0 && (first & 0xffc0) === 0xfe80) || plain(part, 0xffff);
      if (!stays) view.setUint16(2 * i, this.#part(before, part, i === 0 ? 0x2000 : 1, i === 0 ? 0x3fff : 0xffff));
      before += `:${part}`;
    }
  }

  /** A hardware address, in place: one of those that anybody may give. @returns whether it is another now */
  hardware(bytes: Uint8Array): boolean {
    if (bytes.every((byte) => byte === 0) || bytes.every((byte) => byte === 0xff) || ((bytes[0] ?? 0) & 1) === 1)
      return false;
    bytes.set(this.#standIns.bytes(`hardware\0${Buffer.from(bytes).toString('latin1')}`, bytes.length));
    bytes[0] = (bytes[0]! & 0xfc) | 2;
    return true;
  }
}
