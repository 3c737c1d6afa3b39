import { CTA, CTA_EXPECT, CTNL } from '../../kernel/netlink/ctnetlink-attributes.js';
import {
  ADDRESS_FAMILY,
  NLM_F,
  NLMSG_HEADER_BYTES,
  type AttributeTable,
} from '../../kernel/netlink/netlink-attribute.js';
import {
  FRA,
  IFA,
  IFA_FLAGS,
  ROUTE_FLAGS,
  RT_PROTOCOL,
  RT_SCOPE,
  RT_TABLE,
  RT_TYPE,
  RTA,
  RTM,
  RULE_ACTION,
  RULE_FLAGS,
} from '../../kernel/netlink/rtnetlink-attributes.js';
import { AttributeReader, flagText, named } from './netlink-attributes.js';
import type { Damage, RawValue } from './raw-value.js';

/** The fixed structure behind a message's header, by message type: its size, its fields, its attributes' table. */
interface Body {
  readonly bytes: number;
  readonly attributes: AttributeTable;
  readonly fields: (view: DataView, at: number) => Record<string, RawValue>;
}

/** linux/if_addr.h: struct ifaddrmsg. */
const ifaddrmsg: Body = {
  bytes: 8,
  attributes: IFA,
  fields: (view, at) => ({
    family: named(ADDRESS_FAMILY, view.getUint8(at)),
    prefixlen: view.getUint8(at + 1),
    flags: flagText(IFA_FLAGS, view.getUint8(at + 2)),
    scope: named(RT_SCOPE, view.getUint8(at + 3)),
    index: view.getUint32(at + 4, true),
  }),
};

/** linux/rtnetlink.h: struct rtmsg. */
const rtmsg: Body = {
  bytes: 12,
  attributes: RTA,
  fields: (view, at) => ({
    family: named(ADDRESS_FAMILY, view.getUint8(at)),
    dst_len: view.getUint8(at + 1),
    src_len: view.getUint8(at + 2),
    tos: view.getUint8(at + 3),
    table: named(RT_TABLE, view.getUint8(at + 4)),
    protocol: named(RT_PROTOCOL, view.getUint8(at + 5)),
    scope: named(RT_SCOPE, view.getUint8(at + 6)),
    type: named(RT_TYPE, view.getUint8(at + 7)),
    flags: flagText(ROUTE_FLAGS, view.getUint32(at + 8, true)),
  }),
};

/** linux/fib_rules.h: struct fib_rule_hdr. */
const fibRuleHdr: Body = {
  bytes: 12,
  attributes: FRA,
  fields: (view, at) => ({
    family: named(ADDRESS_FAMILY, view.getUint8(at)),
    dst_len: view.getUint8(at + 1),
    src_len: view.getUint8(at + 2),
    tos: view.getUint8(at + 3),
    table: named(RT_TABLE, view.getUint8(at + 4)),
    action: named(RULE_ACTION, view.getUint8(at + 7)),
    flags: flagText(RULE_FLAGS, view.getUint32(at + 8, true)),
  }),
};

/** linux/netfilter/nfnetlink.h: struct nfgenmsg; res_id is in network byte order. */
const nfgenmsg = (attributes: AttributeTable): Body => ({
  bytes: 4,
  attributes,
  fields: (view, at) => ({
    family: named(ADDRESS_FAMILY, view.getUint8(at)),
    version: view.getUint8(at + 1),
    res_id: view.getUint16(at + 2, false),
  }),
});

const MESSAGES: Readonly<Record<number, readonly [name: string, body: Body]>> = {
  20: [RTM[20], ifaddrmsg],
  24: [RTM[24], rtmsg],
  32: [RTM[32], fibRuleHdr],
  0x100: [CTNL[0x100], nfgenmsg(CTA)],
  0x200: [CTNL[0x200], nfgenmsg(CTA_EXPECT)],
};

/** What stands behind the header of a message of a type; undefined for types that are not known. */
export const netlinkBody = (
  type: number,
): { readonly bytes: number; readonly attributes: AttributeTable } | undefined => MESSAGES[type]?.[1];

/** A dump's messages, up to the first place that is damaged. */
export interface NetlinkDump {
  readonly messages: readonly RawValue[];
  readonly damage: readonly Damage[];
}

function decodeMessage(
  bytes: Uint8Array,
  start: number,
  end: number,
  entry: number,
  damage: Damage[],
): Record<string, RawValue> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const type = view.getUint16(start + 4, true);
  const [name, body] = MESSAGES[type] ?? [type, undefined];
  const header = {
    type: name,
    flags: flagText(NLM_F, view.getUint16(start + 6, true)),
    seq: view.getUint32(start + 8, true),
    pid: view.getUint32(start + 12, true),
  };
  const at = start + NLMSG_HEADER_BYTES;
  if (!body) return { header, payload: Buffer.from(bytes.subarray(at, end)).toString('hex') };
  if (end - at < body.bytes) {
    damage.push({
      offsetBytes: at,
      entry,
      field: 'header',
      reason: `a ${name} has at least ${body.bytes} bytes behind its header, this one ${end - at}`,
    });
    return { header };
  }
  const reader = new AttributeReader(bytes.subarray(start, end), start);
  const attributesAt = NLMSG_HEADER_BYTES + ((body.bytes + 3) & ~3);
  const attributes = reader.read(attributesAt, end - start, body.attributes);
  for (const problem of reader.problems) damage.push({ entry, ...problem });
  return { header, ...body.fields(view, at), attributes };
}

/**
 * Takes a netlink dump apart: message headers, the family's fixed structure by field names, attributes by name.
 * Never throws: what is damaged is said in `damage`, decoding goes on at the next message where its place is known.
 * @param magic the u32 that must stand ahead of the messages; undefined for conntrack dumps
 */
export function decodeNetlink(bytes: Uint8Array, magic: number | undefined): NetlinkDump {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const messages: RawValue[] = [];
  const damage: Damage[] = [];
  let at = 0;
  if (magic !== undefined) {
    const found = bytes.length >= 4 ? `0x${view.getUint32(0, true).toString(16)}` : `${bytes.length} bytes`;
    const expected = `0x${magic.toString(16)}`;
    if (found !== expected) {
      return { messages, damage: [{ offsetBytes: 0, reason: `expected the magic ${expected}, found ${found}` }] };
    }
    at = 4;
  }
  while (at < bytes.length) {
    const left = bytes.length - at;
    const length = left >= NLMSG_HEADER_BYTES ? view.getUint32(at, true) : 0;
    if (left < NLMSG_HEADER_BYTES) {
      const reason = `${left} bytes left, a message header has ${NLMSG_HEADER_BYTES}`;
      damage.push({ offsetBytes: at, entry: messages.length, field: 'header', reason });
      break;
    }
    if (length < NLMSG_HEADER_BYTES || length > left) {
      const reason = `message length ${length} does not fit the ${left} bytes left`;
      damage.push({ offsetBytes: at, entry: messages.length, field: 'header', reason });
      break;
    }
    messages.push(decodeMessage(bytes, at, at + length, messages.length, damage));
    at += (length + 3) & ~3;
  }
  return { messages, damage };
}
