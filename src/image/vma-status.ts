/** vma_entry.status, CRIU's classification of a mapping (criu image format; shown by `crit show mm-N.img`). */
export const VMA = {
  REGULAR: 1 << 0,
  STACK: 1 << 1,
  VSYSCALL: 1 << 2,
  VDSO: 1 << 3,
  HEAP: 1 << 5,
  FILE_PRIVATE: 1 << 6,
  FILE_SHARED: 1 << 7,
  ANON_SHARED: 1 << 8,
  ANON_PRIVATE: 1 << 9,
  SYSVIPC: 1 << 10,
  SOCKET: 1 << 11,
  VVAR: 1 << 12,
  AIORING: 1 << 13,
  MEMFD: 1 << 14,
  SHSTK: 1 << 15,
  /** No mapping: pages that the mappings around them guard (MADV_GUARD_INSTALL). */
  GUARD: 1 << 16,
} as const;

/** pagemap_entry.flags */
export const PE = {
  /** The page is in a parent image set. */
  PARENT: 1 << 0,
  /** May be filled on demand (lazy restore). */
  LAZY: 1 << 1,
  /** Its bytes are in pages-N.img. */
  PRESENT: 1 << 2,
} as const;

/** Bytes in a page of an image. */
export const PAGE_SIZE = 4096;
