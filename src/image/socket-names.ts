/** linux/socket.h: AF_*. */
export const SOCKET_FAMILY: Readonly<Record<number, string>> = {
  1: 'UNIX',
  2: 'INET',
  10: 'INET6',
  16: 'NETLINK',
  17: 'PACKET',
};

/** linux/net.h: enum sock_type. */
export const SOCKET_TYPE: Readonly<Record<number, string>> = {
  1: 'STREAM',
  2: 'DGRAM',
  3: 'RAW',
  5: 'SEQPACKET',
  10: 'PACKET',
};

/** net/tcp_states.h, which all families use. */
export const SOCKET_STATE: Readonly<Record<number, string>> = {
  1: 'ESTABLISHED',
  2: 'SYN_SENT',
  3: 'SYN_RECV',
  4: 'FIN_WAIT1',
  5: 'FIN_WAIT2',
  6: 'TIME_WAIT',
  7: 'CLOSE',
  8: 'CLOSE_WAIT',
  9: 'LAST_ACK',
  10: 'LISTEN',
  11: 'CLOSING',
};

/** linux/in.h: IPPROTO_*. */
export const INET_PROTOCOL: Readonly<Record<number, string>> = {
  0: 'IP',
  1: 'ICMP',
  6: 'TCP',
  17: 'UDP',
  58: 'ICMPV6',
  132: 'SCTP',
  136: 'UDPLITE',
  255: 'RAW',
};

/** linux/netlink.h: NETLINK_*. */
export const NETLINK_PROTOCOL: Readonly<Record<number, string>> = {
  0: 'ROUTE',
  2: 'USERSOCK',
  4: 'SOCK_DIAG',
  5: 'NFLOG',
  6: 'XFRM',
  7: 'SELINUX',
  8: 'ISCSI',
  9: 'AUDIT',
  10: 'FIB_LOOKUP',
  11: 'CONNECTOR',
  12: 'NETFILTER',
  14: 'DNRTMSG',
  15: 'KOBJECT_UEVENT',
  16: 'GENERIC',
  18: 'SCSITRANSPORT',
  19: 'ECRYPTFS',
  20: 'RDMA',
  21: 'CRYPTO',
  22: 'SMC',
};
