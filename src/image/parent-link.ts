/** The link that an incremental set has to the set before it (CRIU's name). */
export const PARENT = 'parent';
