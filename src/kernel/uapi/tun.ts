// linux/if_tun.h: ioctls of /dev/net/tun, and of what is attached to a device.
export const TUNSETIFF = 0x400454ca;
export const TUNSETOWNER = 0x400454cc;
export const TUNSETLINK = 0x400454cd;
export const TUNSETGROUP = 0x400454ce;
export const TUNSETOFFLOAD = 0x400454d0;
export const TUNGETIFF = 0x800454d2;
export const TUNGETSNDBUF = 0x800454d3;
export const TUNSETSNDBUF = 0x400454d4;
export const TUNGETVNETHDRSZ = 0x800454d7;
export const TUNSETVNETHDRSZ = 0x400454d8;
export const TUNSETQUEUE = 0x400454d9;
export const TUNSETIFINDEX = 0x400454da;
export const TUNGETFILTER = 0x801054db;
export const TUNSETVNETLE = 0x400454dc;
export const TUNGETVNETLE = 0x800454dd;
export const TUNSETVNETBE = 0x400454de;
export const TUNGETVNETBE = 0x800454df;
/** Linux 4.20 */
export const TUNSETCARRIER = 0x400454e2;
/** Linux 5.2 */
export const TUNGETDEVNETNS = 0x54e3;

export const IFF_TAP = 2;
export const IFF_ATTACH_QUEUE = 0x200;
export const IFF_DETACH_QUEUE = 0x400;
export const IFF_PERSIST = 0x800;
/** A queue without a limit. */
export const NO_SNDBUF = 0x7fffffff;

/** Number of /dev/net/tun (linux/miscdevice.h). */
export const TUN_DEVICE = { major: 10, minor: 200 } as const;

/** TUN_F_*, and the features of a device that they stand for. */
export const TUN_OFFLOADS = [
  { flag: 0x1, feature: 'tx-checksum-ip-generic' },
  { flag: 0x2, feature: 'tx-tcp-segmentation' },
  { flag: 0x4, feature: 'tx-tcp6-segmentation' },
  { flag: 0x8, feature: 'tx-tcp-ecn-segmentation' },
  { flag: 0x60, feature: 'tx-udp-segmentation' },
  { flag: 0x80, feature: 'tx-udp_tnl-segmentation' },
  { flag: 0x100, feature: 'tx-udp_tnl-csum-segmentation' },
] as const;
