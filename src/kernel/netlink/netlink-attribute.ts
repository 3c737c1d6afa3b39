/**
 * How a netlink attribute's payload is laid out. All numbers are little endian (the byte order of the machines that
 * crit reads images of) but for the `be` kinds, which subsystems such as ctnetlink use.
 */
export type AttributeKind =
  | 'u8'
  | 'u16'
  | 'u32'
  | 's32'
  | 'u64'
  | 'be16'
  | 'be32'
  | 'be64'
  /** An address whose family follows from its length: 4 or 16 bytes. */
  | 'ip'
  /** NUL-terminated. */
  | 'string'
  /** No payload: being there says it. */
  | 'flag'
  /** Not taken apart: printed as hex. */
  | 'bytes'
  | { readonly nested: AttributeTable }
  | { readonly struct: readonly (readonly [field: string, kind: AttributeKind, bytes: number])[] }
  | { readonly names: Readonly<Record<number, string>>; readonly of: 'u8' | 'u16' | 'u32' | 'be16' | 'be32' }
  | { readonly flags: Readonly<Record<number, string>>; readonly of: 'u8' | 'u16' | 'u32' | 'be32' }
  /** struct rtnexthop, each followed by attributes of the same table as the route itself. */
  | 'nexthops'
  /** struct rtvia: an address preceded by its family (u16). */
  | 'via';

/** Attribute number -> name and layout. */
export type AttributeTable = Readonly<Record<number, readonly [name: string, kind: AttributeKind]>>;

/** linux/netlink.h: struct nlmsghdr is u32 length, u16 type, u16 flags, u32 sequence number, u32 port. */
export const NLMSG_HEADER_BYTES = 16;

/** linux/netlink.h: struct nlattr is u16 length (of header and payload), u16 type. */
export const NLATTR_HEADER_BYTES = 4;

/** linux/netlink.h: the two top bits of an attribute's type say NESTED and NET_BYTEORDER. */
export const NLA_TYPE_MASK = 0x3fff;

/** linux/netlink.h. The meanings of the bits from 0x100 up are those of a message that makes something (NLM_F_NEW*). */
export const NLM_F = {
  0x1: 'NLM_F_REQUEST',
  0x2: 'NLM_F_MULTI',
  0x4: 'NLM_F_ACK',
  0x8: 'NLM_F_ECHO',
  0x10: 'NLM_F_DUMP_INTR',
  0x20: 'NLM_F_DUMP_FILTERED',
  0x100: 'NLM_F_REPLACE',
  0x200: 'NLM_F_EXCL',
  0x400: 'NLM_F_CREATE',
  0x800: 'NLM_F_APPEND',
} as const;

/** linux/socket.h, those that a route or a conntrack entry can have. */
export const ADDRESS_FAMILY = { 0: 'UNSPEC', 2: 'INET', 10: 'INET6', 28: 'MPLS', 128: 'IPMR', 129: 'IP6MR' } as const;
