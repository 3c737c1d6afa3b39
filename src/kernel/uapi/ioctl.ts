// asm-generic/ioctls.h: files, pipes, sockets.
export const FIONREAD = 0x541b;
export const FIONBIO = 0x5421;
export const FIOASYNC = 0x5452;
export const FIONCLEX = 0x5450;
export const FIOCLEX = 0x5451;
export const FIOQSIZE = 0x5460;

// asm-generic/ioctls.h: terminals.
export const TCGETS = 0x5401;
export const TCSETS = 0x5402;
export const TCSETSW = 0x5403;
export const TCSETSF = 0x5404;
export const TCXONC = 0x540a;
export const TCOOFF = 0;
export const TIOCEXCL = 0x540c;
export const TIOCNXCL = 0x540d;
export const TIOCSCTTY = 0x540e;
export const TIOCGPGRP = 0x540f;
export const TIOCSPGRP = 0x5410;
export const TIOCOUTQ = 0x5411;
export const TIOCSTI = 0x5412;
export const TIOCGWINSZ = 0x5413;
export const TIOCSWINSZ = 0x5414;
export const TIOCGSOFTCAR = 0x5419;
export const TIOCPKT = 0x5420;
export const TIOCNOTTY = 0x5422;
export const TIOCSETD = 0x5423;
export const TIOCGETD = 0x5424;
export const TIOCGSID = 0x5429;
export const TIOCGPTN = 0x80045430;
export const TIOCSPTLCK = 0x40045431;
export const TIOCGPKT = 0x80045438;
export const TIOCGPTLCK = 0x80045439;
export const TIOCGEXCL = 0x80045440;
export const TIOCGPTPEER = 0x5441;
export const TIOCGLCKTRMIOS = 0x5456;
export const TIOCSLCKTRMIOS = 0x5457;
export const TIOCGDEV = 0x80045432;
export const TCGETS2 = 0x802c542a;
export const TCSETS2 = 0x402c542b;

/**
 * asm-generic/termbits.h, struct termios of the kernel: four u32 of flags, the line discipline, control characters; in
 * struct termios2 two u32 of speeds follow.
 */
export const TERMIOS = { iflag: 0, oflag: 4, cflag: 8, lflag: 12, line: 16, cc: 17, ispeed: 36, ospeed: 40 } as const;
export const TERMIOS_BYTES = 36;
export const TERMIOS2_BYTES = 44;
export const NR_CC = 19;

/** struct winsize: four u16. */
export const WINSIZE_BYTES = 8;

// linux/timerfd.h (Linux 3.17, CONFIG_CHECKPOINT_RESTORE).
export const TFD_IOC_SET_TICKS = 0x40085400;

// linux/fs.h: inode flags and cloning.
export const FS_IOC_GETFLAGS = 0x80086601;
export const FS_IOC_SETFLAGS = 0x40086602;
export const FS_IOC_GETVERSION = 0x80087601;
export const FS_IOC_SETVERSION = 0x40087602;
export const FS_IOC_FIEMAP = 0xc020660b;
export const FS_IOC_FSGETXATTR = 0x801c581f;
export const FS_IOC_FSSETXATTR = 0x401c5820;
export const FICLONE = 0x40049409;
export const FICLONERANGE = 0x4020940d;

// linux/fs.h: inode flags.
export const FS_IMMUTABLE_FL = 0x10;
export const FS_APPEND_FL = 0x20;
export const FS_NODUMP_FL = 0x40;
export const FS_NOATIME_FL = 0x80;
export const FS_NOCOW_FL = 0x800000;

// linux/nsfs.h.
export const NS_GET_USERNS = 0xb701;
export const NS_GET_PARENT = 0xb702;
export const NS_GET_NSTYPE = 0xb703;
export const NS_GET_OWNER_UID = 0xb704;

// linux/pidfd.h, linux/eventpoll.h (epoll_params).
export const EPIOCSPARAMS = 0x40088a01;
export const EPIOCGPARAMS = 0x80088a02;

// linux/userfaultfd.h.
export const UFFDIO_API = 0xc018aa3f;
export const UFFDIO_REGISTER = 0xc020aa00;
export const UFFDIO_UNREGISTER = 0x8010aa01;
export const UFFDIO_WAKE = 0x8010aa02;
export const UFFDIO_COPY = 0xc028aa03;
export const UFFDIO_ZEROPAGE = 0xc020aa04;
export const UFFDIO_MOVE = 0xc028aa05;
export const UFFDIO_WRITEPROTECT = 0xc018aa06;
export const UFFDIO_CONTINUE = 0xc020aa07;
export const UFFDIO_POISON = 0xc020aa08;

// /proc/PID/pagemap (linux/fs.h, Linux 6.7): PAGEMAP_SCAN; returns how many regions it filled in.
export const PAGEMAP_SCAN = 0xc0606610;
export const PROCMAP_QUERY = 0xc0686611;

// PAGEMAP_SCAN: categories of pages. GUARD is there since Linux 6.15.
export const PAGE_IS_WPALLOWED = 1;
export const PAGE_IS_WRITTEN = 2;
export const PAGE_IS_FILE = 4;
export const PAGE_IS_PRESENT = 8;
export const PAGE_IS_SWAPPED = 0x10;
export const PAGE_IS_PFNZERO = 0x20;
export const PAGE_IS_HUGE = 0x40;
export const PAGE_IS_SOFT_DIRTY = 0x80;
export const PAGE_IS_GUARD = 0x100;

// PAGEMAP_SCAN: flags.
export const PM_SCAN_WP_MATCHING = 1;
export const PM_SCAN_CHECK_WPASYNC = 2;

/** linux/fs.h, struct pm_scan_arg: twelve u64, offsets in bytes. */
export const PM_SCAN_ARG = {
  /** Bytes of this struct. */
  size: 0,
  flags: 8,
  start: 16,
  end: 24,
  /** Written by the kernel: where the walk ended. */
  walk_end: 32,
  /** Address of an array of struct page_region. */
  vec: 40,
  /** Regions it has room for. */
  vec_len: 48,
  /** Pages at which to stop, or 0. */
  max_pages: 56,
  /** Categories whose sense is inverted before the two masks are applied. */
  category_inverted: 64,
  /** A page must be in all of these ... */
  category_mask: 72,
  /** ... and, unless it is 0, in one of these. */
  category_anyof_mask: 80,
  /** Categories that are reported; neighbours that agree in them are one region. */
  return_mask: 88,
} as const;

export const PM_SCAN_ARG_BYTES = 96;

/** linux/fs.h, struct page_region: three u64, offsets in bytes. */
export const PAGE_REGION = { start: 0, end: 8, categories: 16 } as const;

export const PAGE_REGION_BYTES = 24;

/** admin-guide/mm/pagemap: bits of the u64 per page that reading /proc/PID/pagemap gives. */
export const PAGEMAP_BIT = {
  pfnMask: 0x7fffffffffffffn,
  softDirty: 1n << 55n,
  exclusive: 1n << 56n,
  uffdWp: 1n << 57n,
  guard: 1n << 58n,
  fileOrSharedAnon: 1n << 61n,
  swapped: 1n << 62n,
  present: 1n << 63n,
} as const;
