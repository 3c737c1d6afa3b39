import { readMountInfo, type MountInfo } from '../../kernel/proc/mountinfo.js';
import { makeDev } from '../../kernel/uapi/stat.js';
import type { FileStat } from './file-stat.js';
import type { OpenFile } from './open-file.js';

/** Why the name that the kernel tells for an open file does not lead to it, for people. @param there what it leads to */
export function whyUnreachable(file: OpenFile, there: FileStat | undefined): string {
  const hidden = whyHidden(file);
  if (hidden !== undefined) return hidden;
  return there
    ? 'its name leads to another file now: it was replaced'
    : 'there is no such file any more, and it does not count as deleted';
}

function whyHidden({ link, stat, mntId }: OpenFile): string | undefined {
  let mounts: MountInfo[];
  try {
    mounts = readMountInfo(process.pid);
  } catch {
    return undefined;
  }
  const isOwn = (mount: MountInfo) =>
    mntId === undefined ? makeDev(mount.devMajor, mount.devMinor) === stat.dev : mount.id === mntId;
  if (!mounts.some(isOwn)) return 'its mount is not there any more (umount -l), or belongs to another mount namespace';
  // of those on the way the deepest counts, and on one place the last
  let top: MountInfo | undefined;
  for (const mount of mounts) {
    const { mountPoint } = mount;
    const covers = link === mountPoint || link.startsWith(mountPoint === '/' ? '/' : `${mountPoint}/`);
    if (covers && mountPoint.length >= (top?.mountPoint.length ?? 0)) top = mount;
  }
  if (!top || isOwn(top)) return undefined;
  return `it is hidden by a mount (${top.fsType}) on ${top.mountPoint}: a restore could not reach it; unmount that first`;
}
