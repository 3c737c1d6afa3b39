import {
  ADDRESS_FAMILY,
  NLA_TYPE_MASK,
  NLATTR_HEADER_BYTES,
  type AttributeKind,
  type AttributeTable,
} from '../../kernel/netlink/netlink-attribute.js';
import { ROUTE_FLAGS } from '../../kernel/netlink/rtnetlink-attributes.js';
import { ipText } from './ip-text.js';
import type { RawValue } from './raw-value.js';

/** Attributes nest a handful of levels; a hostile image may not nest us out of stack. */
const MAX_DEPTH = 16;

/** Where and why an attribute could not be read; offsets are those of the view handed in, plus its base. */
export interface AttributeProblem {
  readonly offsetBytes: number;
  readonly field: string;
  readonly reason: string;
}

const WIDTH = { u8: 1, u16: 2, u32: 4, s32: 4, u64: 8, be16: 2, be32: 4, be64: 8 } as const;
type NumberKind = keyof typeof WIDTH;

function readNumber(view: DataView, offset: number, kind: NumberKind): number | bigint {
  switch (kind) {
    case 'u8':
      return view.getUint8(offset);
    case 'u16':
      return view.getUint16(offset, true);
    case 'u32':
      return view.getUint32(offset, true);
    case 's32':
      return view.getInt32(offset, true);
    case 'u64':
      return view.getBigUint64(offset, true);
    case 'be16':
      return view.getUint16(offset, false);
    case 'be32':
      return view.getUint32(offset, false);
    case 'be64':
      return view.getBigUint64(offset, false);
  }
}

const hex = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');

/** A number's name from a table, else the number. */
export function named(names: Readonly<Record<number, string>>, value: number): string | number {
  return names[value] ?? value;
}

/** Bits by name, joined as everywhere in image JSON; bits without a name in hex, none at all is "". */
export function flagText(names: Readonly<Record<number, string>>, value: number): string {
  const parts: string[] = [];
  let rest = value;
  for (const [bit, name] of Object.entries(names)) {
    if ((rest & Number(bit)) !== 0) {
      parts.push(name);
      rest &= ~Number(bit);
    }
  }
  if (rest !== 0) parts.push(`0x${(rest >>> 0).toString(16)}`);
  return parts.join(' | ');
}

/** Reads one message's attributes, keeping what is sound and noting what is not. */
export class AttributeReader {
  readonly problems: AttributeProblem[] = [];
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #baseBytes: number;

  /** @param baseBytes where `bytes` begins in the file, for what is reported */
  constructor(bytes: Uint8Array, baseBytes: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#baseBytes = baseBytes;
  }

  /** The attributes between two offsets as an object by name; a name that comes again gets `#2`, `#3`, ... */
  read(start: number, end: number, table: AttributeTable, path = 'attributes', depth = 0): Record<string, RawValue> {
    const out: Record<string, RawValue> = {};
    let at = start;
    while (at < end) {
      if (end - at < NLATTR_HEADER_BYTES) {
        // Up to 3 bytes of padding behind the last attribute are usual.
        if (this.#bytes.subarray(at, end).some((byte) => byte !== 0)) {
          this.#problem(at, path, `${end - at} bytes left, an attribute header has ${NLATTR_HEADER_BYTES}`);
        }
        break;
      }
      const length = this.#view.getUint16(at, true);
      const type = this.#view.getUint16(at + 2, true) & NLA_TYPE_MASK;
      const [name, kind] = table[type] ?? [`#${type}`, 'bytes' as const];
      if (length < NLATTR_HEADER_BYTES || at + length > end) {
        this.#problem(at, `${path}.${name}`, `attribute length ${length} does not fit the ${end - at} bytes left`);
        break;
      }
      const value = this.#value(kind, at + NLATTR_HEADER_BYTES, at + length, `${path}.${name}`, table, depth);
      let key = name;
      for (let n = 2; Object.hasOwn(out, key); n++) key = `${name}#${n}`;
      out[key] = value;
      at += (length + 3) & ~3;
    }
    return out;
  }

  #problem(at: number, field: string, reason: string): void {
    this.problems.push({ offsetBytes: this.#baseBytes + at, field, reason });
  }

  /** A payload of another size than its kind has is printed as hex: newer kernels widen attributes. */
  #value(
    kind: AttributeKind,
    start: number,
    end: number,
    path: string,
    table: AttributeTable,
    depth: number,
  ): RawValue {
    const payload = this.#bytes.subarray(start, end);
    if (typeof kind === 'object') {
      if ('nested' in kind) return this.#nested(kind.nested, start, end, path, depth);
      if ('struct' in kind) return this.#struct(kind.struct, start, end) ?? hex(payload);
      if (payload.length !== WIDTH[kind.of]) return hex(payload);
      const value = Number(readNumber(this.#view, start, kind.of));
      return 'names' in kind ? named(kind.names, value) : flagText(kind.flags, value);
    }
    switch (kind) {
      case 'bytes':
        return hex(payload);
      case 'flag':
        return payload.length === 0 ? true : hex(payload);
      case 'ip':
        return ipText(payload) ?? hex(payload);
      case 'string':
        return this.#string(payload);
      case 'via':
        return this.#via(start, end) ?? hex(payload);
      case 'nexthops':
        return this.#nexthops(start, end, path, table, depth);
      default:
        return payload.length === WIDTH[kind] ? readNumber(this.#view, start, kind) : hex(payload);
    }
  }

  #nested(table: AttributeTable, start: number, end: number, path: string, depth: number): RawValue {
    if (depth >= MAX_DEPTH) {
      this.#problem(start, path, `attributes nested deeper than ${MAX_DEPTH} levels`);
      return hex(this.#bytes.subarray(start, end));
    }
    return this.read(start, end, table, path, depth + 1);
  }

  #struct(
    fields: readonly (readonly [string, AttributeKind, number])[],
    start: number,
    end: number,
  ): Record<string, RawValue> | undefined {
    const out: Record<string, RawValue> = {};
    let at = start;
    for (const [name, kind, bytes] of fields) {
      if (typeof kind !== 'string' || !(kind in WIDTH) || at + bytes > end) return undefined;
      out[name] = readNumber(this.#view, at, kind as NumberKind);
      at += bytes;
    }
    return at === end ? out : undefined;
  }

  #string(payload: Uint8Array): string {
    const nul = payload.indexOf(0);
    return new TextDecoder().decode(nul < 0 ? payload : payload.subarray(0, nul));
  }

  #via(start: number, end: number): RawValue | undefined {
    if (end - start < 2) return undefined;
    const address = this.#bytes.subarray(start + 2, end);
    return {
      family: named(ADDRESS_FAMILY, this.#view.getUint16(start, true)),
      address: ipText(address) ?? hex(address),
    };
  }

  /** struct rtnexthop: u16 length, u8 flags, u8 hops (the weight less one), s32 ifindex; then its attributes. */
  #nexthops(start: number, end: number, path: string, table: AttributeTable, depth: number): RawValue {
    const hops: RawValue[] = [];
    if (depth >= MAX_DEPTH) {
      this.#problem(start, path, `attributes nested deeper than ${MAX_DEPTH} levels`);
      return hops;
    }
    let at = start;
    while (at < end) {
      const length = end - at >= 8 ? this.#view.getUint16(at, true) : 0;
      if (length < 8 || at + length > end) {
        this.#problem(
          at,
          `${path}[${hops.length}]`,
          `next hop length ${length} does not fit the ${end - at} bytes left`,
        );
        break;
      }
      hops.push({
        flags: flagText(ROUTE_FLAGS, this.#view.getUint8(at + 2)),
        hops: this.#view.getUint8(at + 3),
        ifindex: this.#view.getInt32(at + 4, true),
        attributes: this.read(at + 8, at + length, table, `${path}[${hops.length}]`, depth + 1),
      });
      at += (length + 3) & ~3;
    }
    return hops;
  }
}
