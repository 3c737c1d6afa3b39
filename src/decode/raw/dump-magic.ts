/**
 * The u32 that `ip addr|route|rule save` (iproute2) writes ahead of the messages, little endian. conntrack dumps,
 * which CRIU writes itself, have none.
 */
export const DUMP_MAGIC = { IFADDR: 0x47361222, ROUTE: 0x45311224, ROUTE6: 0x45311224, RULE: 0x71706986 } as const;

/** The magic that a raw type's files begin with, if it has one. */
export const dumpMagicOf = (type: string): number | undefined => (DUMP_MAGIC as Partial<Record<string, number>>)[type];
