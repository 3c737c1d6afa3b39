import { sysRaw, SysError, cString } from '../../native/sys.js';
import { AT_FDCWD, AT_SYMLINK_NOFOLLOW } from '../../kernel/open-flags.js';
import { STAT, STAT_BYTES, devMajor, devMinor, kernelDev } from '../../kernel/stat.js';
import { bytesOfString, stringOfBytes } from '../../image/utf8.js';

/** struct stat (stat(2)), the part that dumps need. */
export interface FileStat {
  /** As userland sees it; unique together with `ino`. */
  dev: bigint;
  ino: bigint;
  nlink: number;
  mode: number;
  uid: number;
  gid: number;
  rdev: bigint;
  sizeBytes: bigint;
  /** Of 512 bytes. */
  blocks: bigint;
  atime: { sec: bigint; nsec: bigint };
  mtime: { sec: bigint; nsec: bigint };
}

const buffer = new DataView(new ArrayBuffer(STAT_BYTES));

/** struct stat as the kernel writes it. */
export function parseStat(buffer: DataView): FileStat {
  const u64 = (at: number) => buffer.getBigUint64(at, true);
  const u32 = (at: number) => buffer.getUint32(at, true);
  return {
    dev: u64(STAT.dev),
    ino: u64(STAT.ino),
    nlink: Number(u64(STAT.nlink)),
    mode: u32(STAT.mode),
    uid: u32(STAT.uid),
    gid: u32(STAT.gid),
    rdev: u64(STAT.rdev),
    sizeBytes: u64(STAT.size),
    blocks: u64(STAT.blocks),
    atime: { sec: buffer.getBigInt64(STAT.atime, true), nsec: u64(STAT.atime + 8) },
    mtime: { sec: buffer.getBigInt64(STAT.mtime, true), nsec: u64(STAT.mtime + 8) },
  };
}

/** fstat(2) of a descriptor of crit's. @throws SysError */
export function statFd(fd: number): FileStat {
  const r = sysRaw('fstat', fd, buffer.buffer);
  if (r < 0) throw new SysError('fstat', -r, `of descriptor ${fd}`);
  return parseStat(buffer);
}

/** stat(2), or lstat(2), of a path: undefined when there is no such file. @throws SysError */
export function statPath(path: string, nofollow = false): FileStat | undefined {
  const r = sysRaw('newfstatat', AT_FDCWD, pathBytes(path), buffer.buffer, nofollow ? AT_SYMLINK_NOFOLLOW : 0);
  if (r === -2 || r === -20) return undefined;
  if (r < 0) throw new SysError('newfstatat', -r, `of ${path}`);
  return parseStat(buffer);
}

/** s_dev of the file system as the kernel counts devices: major << 20 | minor. */
export function kernelDevOf(stat: FileStat): number {
  return kernelDev(devMajor(stat.dev), devMinor(stat.dev));
}

/** A path with its NUL; bytes that are no UTF-8 come back as they were. */
export function pathBytes(path: string): Buffer {
  const bytes = bytesOfString(path);
  return bytes ? Buffer.concat([bytes, Buffer.alloc(1)]) : cString(path);
}

const link = Buffer.alloc(4097);

/** readlink(2). @throws SysError */
export function readLink(path: string): string {
  const n = sysRaw('readlink', pathBytes(path), link, link.length);
  if (n < 0) throw new SysError('readlink', -n, path);
  return stringOfBytes(link, 0, n);
}
