import { pathBytes } from '../../image/path-bytes.js';
import { sysRaw, SysError } from '../../native/sys.js';
import { AT_FDCWD, AT_SYMLINK_NOFOLLOW } from '../../kernel/uapi/open-flags.js';
import { STAT, STAT_BYTES, devMajor, devMinor, kernelDev } from '../../kernel/uapi/stat.js';
import { stringOfBytes } from '../../image/utf8.js';
import { ERRNO } from '../../kernel/uapi/errno.js';

/** struct stat (stat(2)), the part that dumps need. */
export interface FileStat {
  /** As userland sees it; unique together with `ino`. */
  readonly dev: bigint;
  readonly ino: bigint;
  readonly nlink: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev: bigint;
  readonly sizeBytes: bigint;
  /** Of 512 bytes. */
  readonly blocks: bigint;
  readonly atime: { sec: bigint; nsec: bigint };
  readonly mtime: { sec: bigint; nsec: bigint };
}

/** struct stat as the kernel wrote it. Of thousands few fields are ever looked at: they are read when they are. */
export class StatRecord implements FileStat {
  readonly #record: DataView;
  constructor(record: DataView) {
    this.#record = record;
  }
  #u64(at: number): bigint {
    return this.#record.getBigUint64(at, true);
  }
  #time(at: number): { sec: bigint; nsec: bigint } {
    return { sec: this.#record.getBigInt64(at, true), nsec: this.#u64(at + 8) };
  }
  get dev(): bigint {
    return this.#u64(STAT.dev);
  }
  get ino(): bigint {
    return this.#u64(STAT.ino);
  }
  get nlink(): number {
    return Number(this.#u64(STAT.nlink));
  }
  get mode(): number {
    return this.#record.getUint32(STAT.mode, true);
  }
  get uid(): number {
    return this.#record.getUint32(STAT.uid, true);
  }
  get gid(): number {
    return this.#record.getUint32(STAT.gid, true);
  }
  get rdev(): bigint {
    return this.#u64(STAT.rdev);
  }
  get sizeBytes(): bigint {
    return this.#u64(STAT.size);
  }
  get blocks(): bigint {
    return this.#u64(STAT.blocks);
  }
  get atime(): { sec: bigint; nsec: bigint } {
    return this.#time(STAT.atime);
  }
  get mtime(): { sec: bigint; nsec: bigint } {
    return this.#time(STAT.mtime);
  }
}

/** fstat(2) of a descriptor of crit's. @throws SysError */
export function statFd(fd: number): FileStat {
  const buffer = new ArrayBuffer(STAT_BYTES);
  const r = sysRaw('fstat', fd, buffer);
  if (r < 0) throw new SysError('fstat', -r, `of descriptor ${fd}`);
  return new StatRecord(new DataView(buffer));
}

/** stat(2), or lstat(2), of a path: undefined when there is no such file. @throws SysError */
export function statPath(path: string, nofollow = false): FileStat | undefined {
  const buffer = new ArrayBuffer(STAT_BYTES);
  const r = sysRaw('newfstatat', AT_FDCWD, pathBytes(path), buffer, nofollow ? AT_SYMLINK_NOFOLLOW : 0);
  if (r === -ERRNO.ENOENT || r === -ERRNO.ENOTDIR) return undefined;
  if (r < 0) throw new SysError('newfstatat', -r, `of ${path}`);
  return new StatRecord(new DataView(buffer));
}

/** s_dev of the file system as the kernel counts devices: major << 20 | minor. */
export function kernelDevOf(stat: FileStat): number {
  return kernelDev(devMajor(stat.dev), devMinor(stat.dev));
}

const link = Buffer.alloc(4097);

/** readlink(2). @throws SysError */
export function readLink(path: string): string {
  const n = sysRaw('readlinkat', AT_FDCWD, pathBytes(path), link, link.length);
  if (n < 0) throw new SysError('readlink', -n, path);
  return stringOfBytes(link, 0, n);
}
