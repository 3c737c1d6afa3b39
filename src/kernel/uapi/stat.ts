// linux/stat.h: file types and modes.
export const S_IFMT = 0o170000;
export const S_IFSOCK = 0o140000;
export const S_IFLNK = 0o120000;
export const S_IFREG = 0o100000;
export const S_IFBLK = 0o60000;
export const S_IFDIR = 0o40000;
export const S_IFCHR = 0o20000;
export const S_IFIFO = 0o10000;
export const S_ISUID = 0o4000;
export const S_ISGID = 0o2000;
export const S_ISVTX = 0o1000;
export const S_IALLUGO = 0o7777;

// linux/stat.h: statx(2) masks.
export const STATX_TYPE = 1;
export const STATX_MODE = 2;
export const STATX_NLINK = 4;
export const STATX_UID = 8;
export const STATX_GID = 0x10;
export const STATX_ATIME = 0x20;
export const STATX_MTIME = 0x40;
export const STATX_CTIME = 0x80;
export const STATX_INO = 0x100;
export const STATX_SIZE = 0x200;
export const STATX_BLOCKS = 0x400;
export const STATX_BASIC_STATS = 0x7ff;
export const STATX_BTIME = 0x800;
export const STATX_MNT_ID = 0x1000;
export const STATX_DIOALIGN = 0x2000;
export const STATX_MNT_ID_UNIQUE = 0x4000;
export const STATX_SUBVOL = 0x8000;

// linux/stat.h: stx_attributes.
export const STATX_ATTR_IMMUTABLE = 0x10;
export const STATX_ATTR_APPEND = 0x20;
export const STATX_ATTR_MOUNT_ROOT = 0x2000;

/** linux/stat.h, struct statx: offsets in bytes. */
export const STATX = {
  mask: 0x00,
  blksize: 0x04,
  attributes: 0x08,
  nlink: 0x10,
  uid: 0x14,
  gid: 0x18,
  /** u16 */
  mode: 0x1c,
  ino: 0x20,
  size: 0x28,
  blocks: 0x30,
  attributes_mask: 0x38,
  /** Times are { s64 sec; u32 nsec; s32 pad }. */
  atime: 0x40,
  btime: 0x50,
  ctime: 0x60,
  mtime: 0x70,
  rdev_major: 0x80,
  rdev_minor: 0x84,
  dev_major: 0x88,
  dev_minor: 0x8c,
  mnt_id: 0x90,
} as const;

export const STATX_BYTES = 256;

/** asm/stat.h, struct stat of x86_64: offsets in bytes. */
export const STAT = {
  dev: 0,
  ino: 8,
  nlink: 16,
  /** u32, and so are uid and gid */
  mode: 24,
  uid: 28,
  gid: 32,
  rdev: 40,
  size: 48,
  blksize: 56,
  blocks: 64,
  /** Times are { s64 sec; s64 nsec }. */
  atime: 72,
  mtime: 88,
  ctime: 104,
} as const;

export const STAT_BYTES = 144;

/** linux/kdev_t.h, new_encode_dev: the major number of a st_dev or st_rdev. */
export function devMajor(dev: number | bigint): number {
  const d = BigInt(dev);
  return Number(((d >> 8n) & 0xfffn) | ((d >> 32n) & ~0xfffn));
}

/** The minor number of a st_dev or st_rdev. */
export function devMinor(dev: number | bigint): number {
  const d = BigInt(dev);
  return Number((d & 0xffn) | ((d >> 12n) & 0xffffff00n));
}

/** The 64-bit device number that glibc's makedev(3) makes: what stat(2) of userland shows. */
export function makeDev(major: number, minor: number): bigint {
  const a = BigInt(major);
  const i = BigInt(minor);
  return ((a & 0xfffff000n) << 32n) | ((a & 0xfffn) << 8n) | ((i & 0xffffff00n) << 12n) | (i & 0xffn);
}

/** MKDEV of the kernel: major << 20 | minor. The images of CRIU keep s_dev of mapped files and mounts so. */
export function kernelDev(major: number, minor: number): number {
  return ((major << 20) | minor) >>> 0;
}
