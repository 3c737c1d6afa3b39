// Documentation/admin-guide/devices.txt

/** null, zero, full, random, urandom, kmsg and others. */
const MEM_MAJOR = 1;
export const MISC_MAJOR = 10;
export const KMSG = { major: MEM_MAJOR, minor: 11 } as const;

/** hwrng, kvm, btrfs-control, autofs, loop-control: who has them open gives orders that are done when the call returns. */
const STATELESS_MISC: ReadonlySet<number> = new Set([183, 232, 234, 235, 237]);

/** Character devices that keep nothing of who has them open: opening one again is all there is to it, but for /dev/kmsg. */
export const hasNoState = (major: number, minor: number): boolean =>
  major === MEM_MAJOR || (major === MISC_MAJOR && STATELESS_MISC.has(minor));
