import type { AttributeKind, AttributeTable } from './netlink-attribute.js';

/** linux/rtnetlink.h: the message types that `ip ... save` writes. */
export const RTM = { 20: 'RTM_NEWADDR', 24: 'RTM_NEWROUTE', 32: 'RTM_NEWRULE' } as const;

/** linux/rtnetlink.h: enum rt_scope_t. */
export const RT_SCOPE = { 0: 'universe', 200: 'site', 253: 'link', 254: 'host', 255: 'nowhere' } as const;

/** linux/rtnetlink.h: enum rt_class_t, as `ip route` calls them. */
export const RT_TABLE = { 0: 'unspec', 252: 'compat', 253: 'default', 254: 'main', 255: 'local' } as const;

/** linux/rtnetlink.h: RTN_*. */
export const RT_TYPE = {
  0: 'unspec',
  1: 'unicast',
  2: 'local',
  3: 'broadcast',
  4: 'anycast',
  5: 'multicast',
  6: 'blackhole',
  7: 'unreachable',
  8: 'prohibit',
  9: 'throw',
  10: 'nat',
  11: 'xresolve',
} as const;

/** linux/rtnetlink.h: RTPROT_*. */
export const RT_PROTOCOL = {
  0: 'unspec',
  1: 'redirect',
  2: 'kernel',
  3: 'boot',
  4: 'static',
  8: 'gated',
  9: 'ra',
  10: 'mrt',
  11: 'zebra',
  12: 'bird',
  13: 'dnrouted',
  14: 'xorp',
  15: 'ntk',
  16: 'dhcp',
  17: 'mrouted',
  18: 'keepalived',
  42: 'babel',
  99: 'openr',
  186: 'bgp',
  187: 'isis',
  188: 'ospf',
  189: 'rip',
  192: 'eigrp',
} as const;

/** linux/rtnetlink.h: RTNH_F_* (low bits) and RTM_F_*. */
export const ROUTE_FLAGS = {
  0x1: 'RTNH_F_DEAD',
  0x2: 'RTNH_F_PERVASIVE',
  0x4: 'RTNH_F_ONLINK',
  0x8: 'RTNH_F_OFFLOAD',
  0x10: 'RTNH_F_LINKDOWN',
  0x20: 'RTNH_F_UNRESOLVED',
  0x40: 'RTNH_F_TRAP',
  0x100: 'RTM_F_NOTIFY',
  0x200: 'RTM_F_CLONED',
  0x400: 'RTM_F_EQUALIZE',
  0x800: 'RTM_F_PREFIX',
  0x1000: 'RTM_F_LOOKUP_TABLE',
  0x2000: 'RTM_F_FIB_MATCH',
  0x4000: 'RTM_F_OFFLOAD',
  0x8000: 'RTM_F_TRAP',
  0x20000000: 'RTM_F_OFFLOAD_FAILED',
} as const;

/** linux/if_addr.h: IFA_F_*. */
export const IFA_FLAGS = {
  0x1: 'IFA_F_SECONDARY',
  0x2: 'IFA_F_NODAD',
  0x4: 'IFA_F_OPTIMISTIC',
  0x8: 'IFA_F_DADFAILED',
  0x10: 'IFA_F_HOMEADDRESS',
  0x20: 'IFA_F_DEPRECATED',
  0x40: 'IFA_F_TENTATIVE',
  0x80: 'IFA_F_PERMANENT',
  0x100: 'IFA_F_MANAGETEMPADDR',
  0x200: 'IFA_F_NOPREFIXROUTE',
  0x400: 'IFA_F_MCAUTOJOIN',
  0x800: 'IFA_F_STABLE_PRIVACY',
} as const;

/** linux/fib_rules.h: FR_ACT_*. */
export const RULE_ACTION = {
  0: 'unspec',
  1: 'to-table',
  2: 'goto',
  3: 'nop',
  6: 'blackhole',
  7: 'unreachable',
  8: 'prohibit',
} as const;

/** linux/fib_rules.h: FIB_RULE_*. */
export const RULE_FLAGS = {
  0x1: 'FIB_RULE_PERMANENT',
  0x2: 'FIB_RULE_INVERT',
  0x4: 'FIB_RULE_UNRESOLVED',
  0x8: 'FIB_RULE_IIF_DETACHED',
  0x10: 'FIB_RULE_OIF_DETACHED',
  0x10000: 'FIB_RULE_FIND_SADDR',
} as const;

const table: AttributeKind = { names: RT_TABLE, of: 'u32' };

/** linux/if_addr.h: enum IFA_*; times of IFA_CACHEINFO in seconds (prefered, valid) and 1/100 s (cstamp, tstamp). */
export const IFA: AttributeTable = {
  1: ['IFA_ADDRESS', 'ip'],
  2: ['IFA_LOCAL', 'ip'],
  3: ['IFA_LABEL', 'string'],
  4: ['IFA_BROADCAST', 'ip'],
  5: ['IFA_ANYCAST', 'ip'],
  6: [
    'IFA_CACHEINFO',
    {
      struct: [
        ['prefered', 'u32', 4],
        ['valid', 'u32', 4],
        ['cstamp', 'u32', 4],
        ['tstamp', 'u32', 4],
      ],
    },
  ],
  7: ['IFA_MULTICAST', 'ip'],
  8: ['IFA_FLAGS', { flags: IFA_FLAGS, of: 'u32' }],
  9: ['IFA_RT_PRIORITY', 'u32'],
  10: ['IFA_TARGET_NETNSID', 's32'],
  11: ['IFA_PROTO', 'u8'],
};

/** linux/rtnetlink.h: enum RTAX_*. */
const RTAX: AttributeTable = {
  1: ['RTAX_LOCK', 'u32'],
  2: ['RTAX_MTU', 'u32'],
  3: ['RTAX_WINDOW', 'u32'],
  4: ['RTAX_RTT', 'u32'],
  5: ['RTAX_RTTVAR', 'u32'],
  6: ['RTAX_SSTHRESH', 'u32'],
  7: ['RTAX_CWND', 'u32'],
  8: ['RTAX_ADVMSS', 'u32'],
  9: ['RTAX_REORDERING', 'u32'],
  10: ['RTAX_HOPLIMIT', 'u32'],
  11: ['RTAX_INITCWND', 'u32'],
  12: ['RTAX_FEATURES', 'u32'],
  13: ['RTAX_RTO_MIN', 'u32'],
  14: ['RTAX_INITRWND', 'u32'],
  15: ['RTAX_QUICKACK', 'u32'],
  16: ['RTAX_CC_ALGO', 'string'],
  17: ['RTAX_FASTOPEN_NO_COOKIE', 'u32'],
};

/** linux/rtnetlink.h: enum rtattr_type_t. */
export const RTA: AttributeTable = {
  1: ['RTA_DST', 'ip'],
  2: ['RTA_SRC', 'ip'],
  3: ['RTA_IIF', 'u32'],
  4: ['RTA_OIF', 'u32'],
  5: ['RTA_GATEWAY', 'ip'],
  6: ['RTA_PRIORITY', 'u32'],
  7: ['RTA_PREFSRC', 'ip'],
  8: ['RTA_METRICS', { nested: RTAX }],
  9: ['RTA_MULTIPATH', 'nexthops'],
  11: ['RTA_FLOW', 'u32'],
  12: [
    'RTA_CACHEINFO',
    {
      struct: [
        ['clntref', 'u32', 4],
        ['lastuse', 'u32', 4],
        ['expires', 's32', 4],
        ['error', 'u32', 4],
        ['used', 'u32', 4],
        ['id', 'u32', 4],
        ['ts', 'u32', 4],
        ['tsage', 'u32', 4],
      ],
    },
  ],
  15: ['RTA_TABLE', table],
  16: ['RTA_MARK', 'u32'],
  17: ['RTA_MFC_STATS', 'bytes'],
  18: ['RTA_VIA', 'via'],
  19: ['RTA_NEWDST', 'ip'],
  20: ['RTA_PREF', { names: { 0: 'medium', 1: 'high', 3: 'low' }, of: 'u8' }],
  21: ['RTA_ENCAP_TYPE', 'u16'],
  22: ['RTA_ENCAP', 'bytes'],
  23: ['RTA_EXPIRES', 'u32'],
  25: ['RTA_UID', 'u32'],
  26: ['RTA_TTL_PROPAGATE', 'u8'],
  27: ['RTA_IP_PROTO', 'u8'],
  28: ['RTA_SPORT', 'be16'],
  29: ['RTA_DPORT', 'be16'],
  30: ['RTA_NH_ID', 'u32'],
};

const portRange: AttributeKind = {
  struct: [
    ['start', 'u16', 2],
    ['end', 'u16', 2],
  ],
};

/** linux/fib_rules.h: enum FRA_*. */
export const FRA: AttributeTable = {
  1: ['FRA_DST', 'ip'],
  2: ['FRA_SRC', 'ip'],
  3: ['FRA_IIFNAME', 'string'],
  4: ['FRA_GOTO', 'u32'],
  6: ['FRA_PRIORITY', 'u32'],
  10: ['FRA_FWMARK', 'u32'],
  11: ['FRA_FLOW', 'u32'],
  12: ['FRA_TUN_ID', 'be64'],
  13: ['FRA_SUPPRESS_IFGROUP', 's32'],
  14: ['FRA_SUPPRESS_PREFIXLEN', 's32'],
  15: ['FRA_TABLE', table],
  16: ['FRA_FWMASK', 'u32'],
  17: ['FRA_OIFNAME', 'string'],
  19: ['FRA_L3MDEV', 'u8'],
  20: [
    'FRA_UID_RANGE',
    {
      struct: [
        ['start', 'u32', 4],
        ['end', 'u32', 4],
      ],
    },
  ],
  21: ['FRA_PROTOCOL', { names: RT_PROTOCOL, of: 'u8' }],
  22: ['FRA_IP_PROTO', 'u8'],
  23: ['FRA_SPORT_RANGE', portRange],
  24: ['FRA_DPORT_RANGE', portRange],
  25: ['FRA_DSCP', 'u8'],
};
