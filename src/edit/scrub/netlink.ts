import { netlinkBody } from '../../decode/raw/netlink.js';
import {
  NLA_TYPE_MASK,
  NLATTR_HEADER_BYTES,
  NLMSG_HEADER_BYTES,
  type AttributeKind,
  type AttributeTable,
} from '../../kernel/netlink/netlink-attribute.js';
import { writeZeros } from './image-scrubber.js';
import type { Taking } from './taking.js';

type Write = (bytes: Uint8Array) => void;

const MAX_DEPTH = 16;
/** struct rtnexthop */
const NEXTHOP_BYTES = 8;
/** A longer message is none: attributes have 16-bit lengths. */
const MAX_MESSAGE_BYTES = 1 << 20;
const align = (length: number): number => (length + 3) & ~3;

/** A dump of netlink messages (addresses, routes, rules, connections) that is pushed in pieces, without what is taken out. */
export class NetlinkScrubber {
  readonly #taking: Taking;
  readonly #write: Write;
  #rest = Buffer.alloc(0);
  #magic: number | undefined;
  #damaged = false;

  /** @param magic what stands before the messages, if anything does */
  constructor(taking: Taking, magic: number | undefined, write: Write) {
    this.#taking = taking;
    this.#magic = magic;
    this.#write = write;
  }

  push(piece: Uint8Array): void {
    const bytes = Buffer.concat([this.#rest, piece]);
    let at = 0;
    if (this.#magic !== undefined && bytes.length >= 4) {
      this.#damaged = bytes.readUInt32LE(0) !== this.#magic;
      if (!this.#damaged) this.#write(bytes.subarray(0, (at = 4)));
      this.#magic = undefined;
    }
    while (!this.#damaged && this.#magic === undefined && bytes.length - at >= NLMSG_HEADER_BYTES) {
      const length = bytes.readUInt32LE(at);
      if (length < NLMSG_HEADER_BYTES || length > MAX_MESSAGE_BYTES) this.#damaged = true;
      else if (align(length) > bytes.length - at) break;
      else {
        const message = bytes.subarray(at, at + align(length));
        this.#message(message, length);
        this.#write(message);
        at += align(length);
      }
    }
    this.#rest = Buffer.from(bytes.subarray(at));
    if (this.#damaged) this.end();
  }

  /** What is no message becomes zeros. */
  end(): void {
    const { length } = this.#rest;
    // the last message may have no padding behind it
    if (!this.#damaged && length >= NLMSG_HEADER_BYTES && this.#rest.readUInt32LE(0) === length) {
      this.#message(this.#rest, length);
      this.#write(this.#rest);
    } else {
      writeZeros(this.#write, length);
      this.#taking.count('unreadable', length);
    }
    this.#rest = Buffer.alloc(0);
  }

  #message(bytes: Buffer, length: number): void {
    const body = netlinkBody(bytes.readUInt16LE(4));
    bytes.fill(0, length);
    const at = NLMSG_HEADER_BYTES + align(body?.bytes ?? 0);
    if (body && at <= length) this.#attributes(bytes.subarray(at, length), body.attributes, 0);
    else this.#zero(bytes.subarray(NLMSG_HEADER_BYTES, length));
  }

  #zero(bytes: Uint8Array): void {
    if (bytes.some((byte) => byte !== 0)) this.#taking.count('unknown');
    bytes.fill(0);
  }

  #attributes(bytes: Buffer, table: AttributeTable, depth: number): void {
    let at = 0;
    while (bytes.length - at >= NLATTR_HEADER_BYTES) {
      const length = bytes.readUInt16LE(at);
      if (length < NLATTR_HEADER_BYTES || at + length > bytes.length || depth > MAX_DEPTH) break;
      const kind = table[bytes.readUInt16LE(at + 2) & NLA_TYPE_MASK]?.[1] ?? 'bytes';
      this.#value(kind, bytes.subarray(at + NLATTR_HEADER_BYTES, at + length), table, depth);
      bytes.fill(0, at + length, Math.min(bytes.length, at + align(length)));
      at += align(length);
    }
    this.#zero(bytes.subarray(at));
  }

  #value(kind: AttributeKind, bytes: Buffer, table: AttributeTable, depth: number): void {
    if (typeof kind === 'object') {
      if ('nested' in kind) this.#attributes(bytes, kind.nested, depth + 1);
      return;
    }
    switch (kind) {
      case 'bytes':
        this.#zero(bytes);
        return;
      case 'string':
        this.#taking.nameUpToNul(bytes);
        return;
      case 'ip':
        this.#address(bytes);
        return;
      case 'via':
        this.#address(bytes.subarray(2));
        return;
      case 'nexthops':
        this.#nexthops(bytes, table, depth);
        return;
      default:
        if (bytes.length > 8) this.#zero(bytes); // no number
    }
  }

  #address(bytes: Buffer): void {
    if (this.#taking.takes('addresses') && this.#taking.addresses.ip(bytes)) this.#taking.count('addresses');
  }

  #nexthops(bytes: Buffer, table: AttributeTable, depth: number): void {
    let at = 0;
    while (bytes.length - at >= NEXTHOP_BYTES) {
      const length = bytes.readUInt16LE(at);
      if (length < NEXTHOP_BYTES || at + length > bytes.length) break;
      this.#attributes(bytes.subarray(at + NEXTHOP_BYTES, at + length), table, depth + 1);
      at += align(length);
    }
    this.#zero(bytes.subarray(Math.min(at, bytes.length)));
  }
}
