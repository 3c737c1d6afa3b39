import { closeSync, fstatSync } from 'node:fs';
import type { Stats } from '../../image/stats.js';
import { stringOfBytes } from '../../image/utf8.js';
import { readFdInfo } from '../../kernel/proc/fdinfo.js';
import { readMountInfo, type MountInfo } from '../../kernel/proc/mountinfo.js';
import { O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_PATH, O_RDONLY } from '../../kernel/uapi/open-flags.js';
import { kernelDev } from '../../kernel/uapi/stat.js';
import { sysRaw } from '../../native/sys.js';
import { leadsTo, type WatchedInode } from '../../task/handle-path.js';
import type { LookupRoot } from '../../task/lookup-root.js';

/** Where watches mostly are: what CRIU looks through, too. */
export const HINTS: readonly string[] = [
  '/etc',
  '/var/spool',
  '/var/log',
  '/usr/share/dbus-1/services',
  '/usr/share/dbus-1/system-services',
  '/var/lib/polkit-1/localauthority',
  '/usr/share/polkit-1/actions',
  '/lib/udev',
];

/** So many names are looked at in one search. */
const MOST_NAMES = 1 << 20;
const BLOCK_BYTES = 1 << 15;
/** struct linux_dirent64 (getdents64(2)): where the length, the type and the name are. */
const RECLEN = 16;
const TYPE = 18;
const NAME = 19;
const DT_UNKNOWN = 0;
const DT_DIR = 4;

interface Place {
  readonly name: string;
  /** Of the directory that it is in; 0 where the search begins. */
  readonly parent: bigint;
}

/** A search for names of files of which the kernel tells an inode alone. */
export interface Search {
  readonly root: LookupRoot;
  readonly stats: Stats;
  /** Directories where it begins, in this order. */
  readonly places: readonly string[];
  /** Whether somebody of the tree would see that a directory is read. */
  readonly isSeen: (directory: bigint, parent: bigint) => boolean;
}

/**
 * Looks through directories for files. No link is followed, no other file system is entered, and a name that is found
 * leads to the very file: a user who changes directories meanwhile can only bring about that nothing is found.
 * @returns their names; of those that are not found, none
 */
export function searchInodes(search: Search, wanted: readonly WatchedInode[]): Map<WatchedInode, string> {
  const found = new Map<WatchedInode, string>();
  const phase = search.stats.phase('irmap_resolve');
  for (const sdev of new Set(wanted.map((one) => one.sdev)))
    lookThrough(
      search,
      sdev,
      wanted.filter((one) => one.sdev === sdev),
      found,
    );
  phase.end();
  return found;
}

function lookThrough(
  { root, stats, places, isSeen }: Search,
  sdev: number,
  wanted: readonly WatchedInode[],
  found: Map<WatchedInode, string>,
): void {
  const mounts = readMountInfo(process.pid);
  const mountPoints = new Set(mounts.map(({ mountPoint }) => mountPoint));
  const own = mounts.filter((mount) => kernelDev(mount.devMajor, mount.devMinor) === sdev && answers(mount));
  const byInode = new Map<bigint, WatchedInode[]>();
  for (const one of wanted) byInode.set(one.ino, [...(byInode.get(one.ino) ?? []), one]);
  let missing = wanted.length;
  const tryName = (name: string, ino: bigint) => {
    for (const one of byInode.get(ino) ?? [])
      if (!found.has(one) && leadsTo(root, name, one)) {
        found.set(one, name);
        missing--;
      }
  };
  for (const { mountPoint } of own) for (const ino of byInode.keys()) tryName(mountPoint, ino);
  let left = MOST_NAMES;
  for (const place of places)
    for (const start of own.flatMap((mount) => beginning(root, place, mount) ?? [])) {
      const waiting: Place[] = [{ name: start, parent: 0n }];
      let device: bigint | undefined;
      for (let next; missing > 0 && left > 0 && (next = waiting.pop());) {
        stats.checkpoint();
        const { name, parent } = next;
        using directory = Directory.open(root, name);
        if (!directory || directory.device !== (device ??= directory.device)) continue;
        const { ino } = directory;
        tryName(name, ino);
        if (isSeen(ino, parent)) continue;
        for (const { ino: of, type, name: last } of directory.entries()) {
          if (--left < 0) break;
          const inside = name === '/' ? `/${last}` : `${name}/${last}`;
          if (mountPoints.has(inside)) continue;
          if (type === DT_DIR || type === DT_UNKNOWN) waiting.push({ name: inside, parent: ino });
          tryName(inside, of);
        }
      }
    }
}

/** A file system of a program's could wait for a process that stands still. */
const answers = ({ fsType }: MountInfo) => !fsType.startsWith('fuse');

/** Where a search in a directory begins in a mount: at the deeper one of both. */
function beginning(root: LookupRoot, place: string, mount: MountInfo): string | undefined {
  let start: string;
  try {
    start = root.follow(place, false, () => undefined);
  } catch {
    return undefined;
  }
  const isIn = (inner: string, outer: string) => inner === outer || inner.startsWith(outer === '/' ? '/' : `${outer}/`);
  if (isIn(mount.mountPoint, start)) start = mount.mountPoint;
  else if (!isIn(start, mount.mountPoint)) return undefined;
  const fd = root.open(start, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return undefined;
  const { mntId } = readFdInfo(process.pid, fd);
  closeSync(fd);
  return mntId === mount.id ? start : undefined; // or it is hidden, or in a mount below
}

/** A directory that is looked at, and perhaps read. */
class Directory {
  readonly fd: number;
  readonly ino: bigint;
  readonly device: bigint;

  private constructor(fd: number) {
    this.fd = fd;
    const { ino, dev } = fstatSync(fd, { bigint: true });
    this.ino = ino;
    this.device = dev;
  }

  static open(root: LookupRoot, name: string): Directory | undefined {
    const fd = root.open(name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? undefined : new Directory(fd);
  }

  *entries(): Generator<{ readonly ino: bigint; readonly type: number; readonly name: string }> {
    const fd = sysRaw('openat', this.fd, Buffer.from('.\0'), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0) return;
    try {
      const block = Buffer.alloc(BLOCK_BYTES);
      for (let bytes; (bytes = sysRaw('getdents64', fd, block, BLOCK_BYTES)) > 0;)
        for (let at = 0; at < bytes; at += block.readUInt16LE(at + RECLEN)) {
          const end = block.indexOf(0, at + NAME);
          const name = stringOfBytes(block, at + NAME, end);
          if (name === '.' || name === '..') continue;
          yield { ino: block.readBigUInt64LE(at), type: block[at + TYPE]!, name };
        }
    } finally {
      closeSync(fd);
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
  }
}
