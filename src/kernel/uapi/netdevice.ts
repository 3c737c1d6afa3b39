// linux/sockios.h, linux/if.h (netdevice(7)).
export const SIOCGIFNAME = 0x8910;
export const SIOCETHTOOL = 0x8946;
export const SIOCGSKNS = 0x894c;

/** struct ifreq */
export const IFREQ = { name: 0, nameBytes: 16, ifindex: 16, flags: 16, data: 16 } as const;
export const IFREQ_BYTES = 40;

export const IFF_UP = 1;
/** Flags that are set from outside (netdevice(7)); the others tell what is so. */
export const IFF_SETTABLE = 0x1 | 0x4 | 0x20 | 0x80 | 0x100 | 0x200 | 0x1000 | 0x2000 | 0x4000 | 0x8000;

// linux/ethtool.h
export const ETHTOOL_GSTRINGS = 0x1b;
export const ETHTOOL_GSSET_INFO = 0x37;
export const ETHTOOL_GFEATURES = 0x3a;
export const ETHTOOL_SFEATURES = 0x3b;
export const ETHTOOL_GCOALESCE = 0x0e;
export const ETH_SS_FEATURES = 4;
export const ETH_GSTRING_LEN = 32;
/** struct ethtool_coalesce: 23 numbers. */
export const COALESCE = { bytes: 92, rxFrames: 12 } as const;
