import { closeSync, fstatSync, lstatSync, readlinkSync } from 'node:fs';
import { pathBytes } from '../image/path-bytes.js';
import { stringOfBytes } from '../image/utf8.js';
import { cString, sys, sysRaw } from '../native/sys.js';
import { inotifyWatches, readFdInfo, type FileHandle } from '../kernel/proc/fdinfo.js';
import { readMountInfo } from '../kernel/proc/mountinfo.js';
import { IN_MOVE_SELF } from '../kernel/uapi/fsnotify.js';
import { AT_FDCWD, F_DUPFD_CLOEXEC, O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_PATH } from '../kernel/uapi/open-flags.js';
import { devMajor, devMinor, kernelDev } from '../kernel/uapi/stat.js';
import type { LookupRoot } from './lookup-root.js';

/** Bytes of struct file_handle before the handle (open_by_handle_at(2)). */
const HEADER_BYTES = 8;

/** A watched file as /proc/PID/fdinfo tells it. */
export interface WatchedInode {
  /** Of its file system: major << 20 | minor. stat(2) may tell another one (overlayfs, subvolumes of btrfs). */
  readonly sdev: number;
  readonly ino: bigint;
  /** Absent where the file system has none. */
  readonly handle: FileHandle | undefined;
}

/**
 * The file of a handle, opened (O_PATH) by each mount of crit's that has it; a descriptor is closed when the next is asked for.
 * Nobody who watches the mount sees it: a directory that is opened for reading would be an event, the current one is none.
 * @param sdev device of its file system, major << 20 | minor
 */
function* opened(sdev: number, { type, bytes }: FileHandle): Generator<number> {
  const handle = new Uint8Array(HEADER_BYTES + bytes.length);
  new DataView(handle.buffer).setUint32(0, bytes.length, true);
  new DataView(handle.buffer).setInt32(4, type, true);
  handle.set(bytes, HEADER_BYTES);
  for (const mount of readMountInfo(process.pid)) {
    if (kernelDev(mount.devMajor, mount.devMinor) !== sdev) continue;
    const fd = openIn(mount.mountPoint, handle);
    if (fd < 0) continue;
    try {
      yield fd;
    } finally {
      closeSync(fd);
    }
  }
}

/** open_by_handle_at(2) in a mount, which must be a directory's. @returns a descriptor, or -errno */
function openIn(mountPoint: string, handle: Uint8Array): number {
  const at = sysRaw('openat', AT_FDCWD, pathBytes(mountPoint), O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
  if (at < 0) return at; // a single file is mounted there, or it is hidden
  const back = sys('openat', AT_FDCWD, cString('.'), O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
  try {
    const moved = sysRaw('fchdir', at);
    return moved < 0 ? moved : sysRaw('open_by_handle_at', AT_FDCWD, handle, O_PATH | O_CLOEXEC);
  } finally {
    sys('fchdir', back);
    closeSync(back);
    closeSync(at);
  }
}

/**
 * Whether an open file (O_PATH will do) is the one that the kernel tells of where it is watched: crit watches it for a
 * moment, which is no event, and reads what the kernel tells then.
 */
export function isWatchedAs(fd: number, { sdev, ino, handle }: WatchedInode): boolean {
  const own = sysRaw('inotify_init1', O_CLOEXEC);
  if (own < 0) return false;
  try {
    if (sysRaw('inotify_add_watch', own, cString(`/proc/self/fd/${fd}`), IN_MOVE_SELF) < 0) return false;
    const told = inotifyWatches(readFdInfo(process.pid, own))[0];
    if (told?.ino !== ino || told.sdev !== sdev || !told.handle !== !handle) return false;
    return !handle || (told.handle?.type === handle.type && Buffer.compare(told.handle.bytes, handle.bytes) === 0);
  } finally {
    closeSync(own);
  }
}

/** What a name leads to, if that is the file. Symbolic links are not followed. */
export function leadsTo(root: LookupRoot, name: string, watched: WatchedInode): boolean {
  const fd = root.open(name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return false;
  try {
    return fstatSync(fd, { bigint: true }).ino === watched.ino && isWatchedAs(fd, watched);
  } finally {
    closeSync(fd);
  }
}

/**
 * A name of a file that is known by its handle alone, as /proc/PID/fdinfo shows watched files.
 * @returns undefined when it has none in crit's mounts, or cannot be opened by handle (CAP_DAC_READ_SEARCH)
 */
export function pathOfHandle(sdev: number, ino: bigint, handle: FileHandle): string | undefined {
  for (const fd of opened(sdev, handle)) {
    const name = readlinkSync(`/proc/self/fd/${fd}`, 'buffer');
    // the name may be gone, another file's by now, or hidden by a mount
    const there = lstatSync(name, { bigint: true, throwIfNoEntry: false });
    if (there?.ino === ino && kernelDev(devMajor(there.dev), devMinor(there.dev)) === sdev) return stringOfBytes(name);
  }
  return undefined;
}

/** crit's own descriptor (O_PATH) of a file, which the caller closes; undefined as above. */
export function openHandle(sdev: number, ino: bigint, handle: FileHandle): number | undefined {
  for (const fd of opened(sdev, handle))
    if (fstatSync(fd, { bigint: true }).ino === ino) return sys('fcntl', fd, F_DUPFD_CLOEXEC, 0);
  return undefined;
}
