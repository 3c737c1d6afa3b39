import type { AttributeKind, AttributeTable } from './netlink-attribute.js';

// linux/netfilter/nfnetlink_conntrack.h, enum by enum. ctnetlink numbers are in network byte order.

/** Message types: linux/netfilter/nfnetlink.h subsystem (CTNETLINK 1, CTNETLINK_EXP 2) << 8, command NEW = 0. */
export const CTNL = { 0x100: 'IPCTNL_MSG_CT_NEW', 0x200: 'IPCTNL_MSG_EXP_NEW' } as const;

/** linux/netfilter/nf_conntrack_common.h: enum ip_conntrack_status. */
const STATUS = {
  0x1: 'IPS_EXPECTED',
  0x2: 'IPS_SEEN_REPLY',
  0x4: 'IPS_ASSURED',
  0x8: 'IPS_CONFIRMED',
  0x10: 'IPS_SRC_NAT',
  0x20: 'IPS_DST_NAT',
  0x40: 'IPS_SEQ_ADJUST',
  0x80: 'IPS_SRC_NAT_DONE',
  0x100: 'IPS_DST_NAT_DONE',
  0x200: 'IPS_DYING',
  0x400: 'IPS_FIXED_TIMEOUT',
  0x800: 'IPS_TEMPLATE',
  0x1000: 'IPS_UNTRACKED',
  0x2000: 'IPS_HELPER',
  0x4000: 'IPS_OFFLOAD',
  0x8000: 'IPS_HW_OFFLOAD',
} as const;

/** linux/netfilter/nf_conntrack_tcp.h: enum tcp_conntrack. */
const TCP_STATE = {
  0: 'NONE',
  1: 'SYN_SENT',
  2: 'SYN_RECV',
  3: 'ESTABLISHED',
  4: 'FIN_WAIT',
  5: 'CLOSE_WAIT',
  6: 'LAST_ACK',
  7: 'TIME_WAIT',
  8: 'CLOSE',
  9: 'SYN_SENT2',
} as const;

const tcpFlags: AttributeKind = {
  struct: [
    ['flags', 'u8', 1],
    ['mask', 'u8', 1],
  ],
};

const tuple: AttributeKind = {
  nested: {
    1: [
      'CTA_TUPLE_IP',
      {
        nested: {
          1: ['CTA_IP_V4_SRC', 'ip'],
          2: ['CTA_IP_V4_DST', 'ip'],
          3: ['CTA_IP_V6_SRC', 'ip'],
          4: ['CTA_IP_V6_DST', 'ip'],
        },
      },
    ],
    2: [
      'CTA_TUPLE_PROTO',
      {
        nested: {
          1: ['CTA_PROTO_NUM', 'u8'],
          2: ['CTA_PROTO_SRC_PORT', 'be16'],
          3: ['CTA_PROTO_DST_PORT', 'be16'],
          4: ['CTA_PROTO_ICMP_ID', 'be16'],
          5: ['CTA_PROTO_ICMP_TYPE', 'u8'],
          6: ['CTA_PROTO_ICMP_CODE', 'u8'],
          7: ['CTA_PROTO_ICMPV6_ID', 'be16'],
          8: ['CTA_PROTO_ICMPV6_TYPE', 'u8'],
          9: ['CTA_PROTO_ICMPV6_CODE', 'u8'],
        },
      },
    ],
    3: ['CTA_TUPLE_ZONE', 'be16'],
  },
};

const protoinfo: AttributeKind = {
  nested: {
    1: [
      'CTA_PROTOINFO_TCP',
      {
        nested: {
          1: ['CTA_PROTOINFO_TCP_STATE', { names: TCP_STATE, of: 'u8' }],
          2: ['CTA_PROTOINFO_TCP_WSCALE_ORIGINAL', 'u8'],
          3: ['CTA_PROTOINFO_TCP_WSCALE_REPLY', 'u8'],
          4: ['CTA_PROTOINFO_TCP_FLAGS_ORIGINAL', tcpFlags],
          5: ['CTA_PROTOINFO_TCP_FLAGS_REPLY', tcpFlags],
        },
      },
    ],
    2: [
      'CTA_PROTOINFO_DCCP',
      {
        nested: {
          1: ['CTA_PROTOINFO_DCCP_STATE', 'u8'],
          2: ['CTA_PROTOINFO_DCCP_ROLE', 'u8'],
          3: ['CTA_PROTOINFO_DCCP_HANDSHAKE_SEQ', 'be64'],
        },
      },
    ],
    3: [
      'CTA_PROTOINFO_SCTP',
      {
        nested: {
          1: ['CTA_PROTOINFO_SCTP_STATE', 'u8'],
          2: ['CTA_PROTOINFO_SCTP_VTAG_ORIGINAL', 'be32'],
          3: ['CTA_PROTOINFO_SCTP_VTAG_REPLY', 'be32'],
        },
      },
    ],
  },
};

const counters: AttributeKind = {
  nested: {
    1: ['CTA_COUNTERS_PACKETS', 'be64'],
    2: ['CTA_COUNTERS_BYTES', 'be64'],
    3: ['CTA_COUNTERS32_PACKETS', 'be32'],
    4: ['CTA_COUNTERS32_BYTES', 'be32'],
  },
};

const seqAdj: AttributeKind = {
  nested: {
    1: ['CTA_SEQADJ_CORRECTION_POS', 'be32'],
    2: ['CTA_SEQADJ_OFFSET_BEFORE', 'be32'],
    3: ['CTA_SEQADJ_OFFSET_AFTER', 'be32'],
  },
};

const nat: AttributeKind = {
  nested: {
    1: ['CTA_NAT_V4_MINIP', 'ip'],
    2: ['CTA_NAT_V4_MAXIP', 'ip'],
    3: ['CTA_NAT_PROTO', { nested: { 1: ['CTA_PROTONAT_PORT_MIN', 'be16'], 2: ['CTA_PROTONAT_PORT_MAX', 'be16'] } }],
    4: ['CTA_NAT_V6_MINIP', 'ip'],
    5: ['CTA_NAT_V6_MAXIP', 'ip'],
  },
};

/** enum ctattr_type; CTA_TIMEOUT in seconds, CTA_TIMESTAMP in nanoseconds since 1970. */
export const CTA: AttributeTable = {
  1: ['CTA_TUPLE_ORIG', tuple],
  2: ['CTA_TUPLE_REPLY', tuple],
  3: ['CTA_STATUS', { flags: STATUS, of: 'be32' }],
  4: ['CTA_PROTOINFO', protoinfo],
  5: ['CTA_HELP', { nested: { 1: ['CTA_HELP_NAME', 'string'], 2: ['CTA_HELP_INFO', 'bytes'] } }],
  6: ['CTA_NAT_SRC', nat],
  7: ['CTA_TIMEOUT', 'be32'],
  8: ['CTA_MARK', 'be32'],
  9: ['CTA_COUNTERS_ORIG', counters],
  10: ['CTA_COUNTERS_REPLY', counters],
  11: ['CTA_USE', 'be32'],
  12: ['CTA_ID', 'be32'],
  13: ['CTA_NAT_DST', nat],
  14: ['CTA_TUPLE_MASTER', tuple],
  15: ['CTA_SEQ_ADJ_ORIG', seqAdj],
  16: ['CTA_SEQ_ADJ_REPLY', seqAdj],
  17: ['CTA_SECMARK', 'be32'],
  18: ['CTA_ZONE', 'be16'],
  19: ['CTA_SECCTX', { nested: { 1: ['CTA_SECCTX_NAME', 'string'] } }],
  20: ['CTA_TIMESTAMP', { nested: { 1: ['CTA_TIMESTAMP_START', 'be64'], 2: ['CTA_TIMESTAMP_STOP', 'be64'] } }],
  21: ['CTA_MARK_MASK', 'be32'],
  22: ['CTA_LABELS', 'bytes'],
  23: ['CTA_LABELS_MASK', 'bytes'],
  24: [
    'CTA_SYNPROXY',
    { nested: { 1: ['CTA_SYNPROXY_ISN', 'be32'], 2: ['CTA_SYNPROXY_ITS', 'be32'], 3: ['CTA_SYNPROXY_TSOFF', 'be32'] } },
  ],
};

/** enum ctattr_expect; CTA_EXPECT_TIMEOUT in seconds. */
export const CTA_EXPECT: AttributeTable = {
  1: ['CTA_EXPECT_MASTER', tuple],
  2: ['CTA_EXPECT_TUPLE', tuple],
  3: ['CTA_EXPECT_MASK', tuple],
  4: ['CTA_EXPECT_TIMEOUT', 'be32'],
  5: ['CTA_EXPECT_ID', 'be32'],
  6: ['CTA_EXPECT_HELP_NAME', 'string'],
  7: ['CTA_EXPECT_ZONE', 'be16'],
  8: ['CTA_EXPECT_FLAGS', 'be32'],
  9: ['CTA_EXPECT_CLASS', 'be32'],
  10: ['CTA_EXPECT_NAT', { nested: { 1: ['CTA_EXPECT_NAT_DIR', 'be32'], 2: ['CTA_EXPECT_NAT_TUPLE', tuple] } }],
  11: ['CTA_EXPECT_FN', 'string'],
};
