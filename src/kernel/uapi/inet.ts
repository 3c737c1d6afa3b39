import type { InetSkEntry, IpOptsRawEntry } from '../../image/generated/messages.js';
import * as S from './socket.js';

// linux/in.h, linux/in6.h, linux/tcp.h, linux/udp.h: levels of options have the numbers of their protocols.
export const SOL_RAW = S.IPPROTO_RAW;
export const IP_ADD_MEMBERSHIP = 35;
export const IP_FREEBIND = 15;
/** Linux 6.3; of a socket that has no port, 0. */
export const IP_PROTOCOL = 52;
export const IPV6_V6ONLY = 26;
export const IPV6_FREEBIND = 78;
export const MCAST_JOIN_GROUP = 42;
export const MCAST_JOIN_SOURCE_GROUP = 46;
export const MCAST_MSFILTER = 48;
export const MCAST_EXCLUDE = 0;
export const MCAST_INCLUDE = 1;
export const UDP_CORK = 1;
export const TCP_INFO = 11;
export const TCP_ULP = 31;
export const ICMP_FILTER = 1;
export const IP_OPTIONS = 4;

/** struct tcp_info, its first fields. */
export const TCP_INFO_FIELDS = { state: 0, options: 5, wscale: 6, unacked: 24, sacked: 28, advmss: 84 } as const;
export const TCP_INFO_BYTES = 88;
/** The most that TCP_MAXSEG can be set to (net/tcp.h: MAX_TCP_WINDOW). */
export const MOST_MAXSEG = 32767;

/** A message of an inet_sk_entry that holds options. */
export type OptionsMessage = 'opts' | 'ip_opts' | 'ipv6_opts' | 'udp_opts' | 'tcp_opts';
type Messages = { readonly [M in OptionsMessage]-?: NonNullable<InetSkEntry[M]> } & { raw: IpOptsRawEntry };

/** One option, and where images keep it. */
export interface InetOption {
  readonly message: OptionsMessage | 'raw';
  readonly field: string;
  readonly level: number;
  readonly option: number;
  readonly kind: 'flag' | 'int' | 'sint' | 'bytes' | 'text' | 'words';
  /** A field of CRIU's: there if it is not 0. Others are there if a new socket has another value. */
  readonly criu?: true;
  /** TCP: it says what was set only while there is no connection. */
  readonly unconnected?: true;
}

type Row<M extends keyof Messages> = readonly [
  option: number,
  field: keyof Messages[M] & string,
  kind?: 'int' | 'sint' | 'bytes' | 'text' | 'words',
];

function options<M extends keyof Messages>(
  level: number,
  message: M,
  rows: readonly Row<M>[],
  more: Pick<InetOption, 'criu' | 'unconnected'> = {},
): InetOption[] {
  return rows.map(([option, field, kind]) => ({ message, field, level, option, kind: kind ?? 'flag', ...more }));
}

const { IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE } = S;
const CRIU = { criu: true } as const;

const SOCKET = options(S.SOL_SOCKET, 'opts', [
  [S.SO_ZEROCOPY, 'so_zerocopy'],
  [S.SO_RESERVE_MEM, 'so_reserve_mem', 'int'],
  [S.SO_TXREHASH, 'so_txrehash', 'sint'],
]);

const IPV4_ONLY = options(
  IPPROTO_IP,
  'ip_opts',
  [
    [IP_FREEBIND, 'freebind'],
    [8, 'pktinfo'],
    [1, 'tos', 'int'],
    [2, 'ttl', 'int'],
  ],
  CRIU,
);

/** IPv6 sockets have them as well, for the IPv4 that they speak. */
const IP = options(IPPROTO_IP, 'ip_opts', [
  [IP_OPTIONS, 'options', 'bytes'],
  [6, 'recvopts'],
  [7, 'retopts'],
  [10, 'mtu_discover', 'int'],
  [11, 'recverr'],
  [12, 'recvttl'],
  [13, 'recvtos'],
  [18, 'passsec'],
  [19, 'transparent'],
  [20, 'recvorigdstaddr'],
  [21, 'minttl', 'int'],
  [23, 'checksum'],
  [24, 'bind_address_no_port'],
  [25, 'recvfragsize'],
  [26, 'recverr_rfc4884'],
  [32, 'multicast_if', 'bytes'],
  [33, 'multicast_ttl', 'sint'],
  [34, 'multicast_loop'],
  [49, 'multicast_all'],
  [50, 'unicast_if', 'bytes'],
  [51, 'local_port_range', 'int'],
]);

const IP_OF_IPV6 = options(IPPROTO_IP, 'ip_opts', [
  [1, 'tos_v6', 'int'],
  [2, 'ttl_v6', 'sint'],
  [8, 'pktinfo_v6'],
]);

const IPV6_OF_CRIU = options(
  IPPROTO_IPV6,
  'ip_opts',
  [
    [IPV6_FREEBIND, 'freebind'],
    [49, 'pktinfo'],
  ],
  CRIU,
);

const IPV6 = options(IPPROTO_IPV6, 'ipv6_opts', [
  [2, 'old_pktinfo'],
  [3, 'old_hopopts'],
  [4, 'old_dstopts'],
  [5, 'old_rthdr'],
  [8, 'old_hoplimit'],
  [11, 'recvflowinfo'],
  [16, 'unicast_hops', 'sint'],
  [17, 'multicast_if', 'int'],
  [18, 'multicast_hops', 'sint'],
  [19, 'multicast_loop'],
  [23, 'mtu_discover', 'int'],
  [25, 'recverr'],
  [29, 'multicast_all'],
  [30, 'router_alert_isolate'],
  [31, 'recverr_rfc4884'],
  [33, 'flowinfo_send'],
  [51, 'recvhoplimit'],
  [53, 'recvhopopts'],
  [54, 'hopopts', 'bytes'],
  [55, 'rthdrdstopts', 'bytes'],
  [56, 'recvrthdr'],
  [57, 'rthdr', 'bytes'],
  [58, 'recvdstopts'],
  [59, 'dstopts', 'bytes'],
  [60, 'recvpathmtu'],
  [62, 'dontfrag'],
  [66, 'recvtclass'],
  [67, 'tclass', 'sint'],
  [70, 'autoflowlabel'],
  [72, 'addr_preferences', 'int'],
  [73, 'minhopcount', 'int'],
  [74, 'recvorigdstaddr'],
  [75, 'transparent'],
  [76, 'unicast_if', 'bytes'],
  [77, 'recvfragsize'],
]);

const UDP = options(IPPROTO_UDP, 'udp_opts', [
  [100, 'encap', 'int'],
  [101, 'no_check6_tx'],
  [102, 'no_check6_rx'],
  [103, 'segment', 'int'],
  [104, 'gro'],
]);

const UDPLITE = options(IPPROTO_UDPLITE, 'udp_opts', [
  [10, 'lite_send_cscov', 'int'],
  [11, 'lite_recv_cscov', 'int'],
]);

const TCP = [
  ...options(
    IPPROTO_TCP,
    'tcp_opts',
    [
      [1, 'nodelay'],
      [3, 'cork'],
      [4, 'keepidle', 'int'],
      [5, 'keepintvl', 'int'],
      [6, 'keepcnt', 'int'],
    ],
    CRIU,
  ),
  ...options(IPPROTO_TCP, 'tcp_opts', [
    [7, 'syncnt', 'int'],
    [8, 'linger2', 'sint'],
    [9, 'defer_accept', 'int'],
    [13, 'congestion', 'text'],
    [16, 'thin_linear_timeouts'],
    [18, 'user_timeout', 'int'],
    [25, 'notsent_lowat', 'int'],
    [27, 'save_syn', 'int'],
    [33, 'fastopen_key', 'bytes'],
    [34, 'fastopen_no_cookie'],
    [36, 'inq'],
    [37, 'tx_delay', 'int'],
    [44, 'rto_max_ms', 'int'],
    [45, 'rto_min_us', 'int'],
    [46, 'delack_max_us', 'int'],
  ]),
  ...options(
    IPPROTO_TCP,
    'tcp_opts',
    [
      [2, 'maxseg', 'int'],
      [10, 'window_clamp', 'int'],
      [12, 'quickack', 'int'],
      [23, 'fastopen', 'int'],
      [30, 'fastopen_connect'],
    ],
    { unconnected: true },
  ),
];

const RAW = [
  ...options(
    IPPROTO_IP,
    'raw',
    [
      [3, 'hdrincl'],
      [22, 'nodefrag'],
    ],
    CRIU,
  ),
];
const RAW6 = options(IPPROTO_IPV6, 'raw', [[36, 'hdrincl']], CRIU);
const CHECKSUM6 = options(IPPROTO_IPV6, 'ipv6_opts', [[7, 'checksum', 'sint']]);
const ICMP = options(SOL_RAW, 'raw', [[ICMP_FILTER, 'icmpv_filter', 'words']], CRIU);
const ICMP6 = options(S.IPPROTO_ICMPV6, 'raw', [[ICMP_FILTER, 'icmpv_filter', 'words']], CRIU);

const MULTICAST = /^multicast_(?:if|ttl|hops)$/;

/** The options of a socket of IPv4 or IPv6, by what socket(2) was called with. */
export function inetOptions(family: number, type: number, proto: number): readonly InetOption[] {
  const four = family === S.AF_INET;
  const list = [...SOCKET, ...(four ? [...IPV4_ONLY, ...IP] : [...IPV6_OF_CRIU, ...IPV6])];
  if (type === S.SOCK_RAW) {
    list.push(...(four ? RAW : [...RAW6, ...CHECKSUM6]));
    if (proto === S.IPPROTO_ICMP && four) list.push(...ICMP);
    if (proto === S.IPPROTO_ICMPV6 && !four) list.push(...ICMP6);
    return list;
  }
  if (!four) list.push(...IP, ...IP_OF_IPV6);
  // of one that was accepted, multicast options tell of the segment that came
  if (proto === IPPROTO_TCP) return [...list.filter(({ field }) => !MULTICAST.test(field)), ...TCP];
  if (proto === IPPROTO_UDP || proto === IPPROTO_UDPLITE) list.push(...UDP);
  if (proto === IPPROTO_UDPLITE) list.push(...UDPLITE);
  return list;
}

/** struct group_filter (linux/in.h): what MCAST_MSFILTER takes and tells. */
export const GROUP_FILTER = { ifindex: 0, group: 8, mode: 136, count: 140, sources: 144, sourceBytes: 128 } as const;
/** struct group_req, group_source_req (linux/in.h). */
export const GROUP_REQ = { ifindex: 0, group: 8, source: 136 } as const;
export const GROUP_REQ_BYTES = 136;
export const GROUP_SOURCE_REQ_BYTES = 264;
/** struct ip_mreqn (linux/in.h). */
export const IP_MREQN = { group: 0, address: 4, ifindex: 8 } as const;
export const IP_MREQN_BYTES = 12;

// linux/tcp.h: repair mode.
export const TCP_REPAIR = 19;
export const TCP_REPAIR_QUEUE = 20;
export const TCP_QUEUE_SEQ = 21;
export const TCP_REPAIR_OPTIONS = 22;
export const TCP_TIMESTAMP = 24;
export const TCP_REPAIR_WINDOW = 29;
export const TCP_MAXSEG = 2;
export const REPAIR_ON = 1;
/** With a probe of the other end's window. */
export const REPAIR_OFF = 0;
export const REPAIR_OFF_SILENTLY = -1;
export const NO_QUEUE = 0;
export const RECV_QUEUE = 1;
export const SEND_QUEUE = 2;
/** TCPI_OPT_* */
export const TCPI_OPT = { timestamps: 1, sack: 2, wscale: 4 } as const;
/** TCPOPT_* of struct tcp_repair_opt { u32 code, value; } */
export const TCPOPT = { maxseg: 2, window: 3, sack: 4, timestamp: 8 } as const;
/** struct tcp_repair_window { u32 snd_wl1, snd_wnd, max_window, rcv_wnd, rcv_wup; } */
export const REPAIR_WINDOW_BYTES = 20;

/** States of connections in which a FIN of ours is in the send queue, or behind it; and one of the other end received. */
export const SENT_FIN: readonly number[] = [S.TCP_FIN_WAIT1, S.TCP_FIN_WAIT2, S.TCP_CLOSING, S.TCP_LAST_ACK];
export const RECEIVED_FIN: readonly number[] = [S.TCP_CLOSE_WAIT, S.TCP_LAST_ACK, S.TCP_CLOSING];
