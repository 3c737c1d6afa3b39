/** inventory_entry.network_lock_method: how a dump keeps segments from TCP connections until they are restored (CRIU 4.2). */
export const NETWORK_LOCK = { iptables: 0, nftables: 1, skip: 2 } as const;
