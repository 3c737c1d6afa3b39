// linux/mempolicy.h: set_mempolicy(2), get_mempolicy(2), mbind(2).

export const MPOL_DEFAULT = 0;

/** get_mempolicy(2): the policy of the mapping at an address, not that of the thread. */
export const MPOL_F_ADDR = 2;

/** Most nodes that a kernel can have (CONFIG_NODES_SHIFT), and the bytes of such a mask. */
const NODES_MAX = 1024;
export const NODE_MASK_BYTES = NODES_MAX / 8;
/** `maxnode`: the kernel looks at one bit less than it is told. */
export const MAXNODE = NODES_MAX + 1;
