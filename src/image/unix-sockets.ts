/** unix_sk_entry.uflags: the socket is outside of the tree, only its address is in the set. */
export const USK_EXTERNAL = 1;

/** sk_packet_entry.urgent (MSG_OOB): of one that was read only its place is left. */
export const URGENT_BYTE = { unread: 1, read: 2 } as const;
