import { closeSync, fstatSync } from 'node:fs';
import type { FhEntry } from '../../image/generated/messages.js';
import type { FileHandle } from '../../kernel/proc/fdinfo.js';
import { FIONREAD } from '../../kernel/uapi/ioctl.js';
import { sys } from '../../native/sys.js';
import { openHandle, pathOfHandle, type WatchedInode } from '../../task/handle-path.js';
import type { Description } from './description.js';
import type { Files } from './files.js';
import { Passing, unsupported } from './unsupported.js';

/** Events that nobody has read cannot be looked at. @param what has them @throws CritError */
export function refuseUnread(files: Files, file: Description, what: string): void {
  const unread = files.use(file, (fd) => {
    const bytes = new Int32Array(1);
    sys('ioctl', fd, FIONREAD, bytes);
    return bytes[0]!;
  });
  if (unread > 0) throw unsupported(file, `${what} with events that nobody has read`, undefined, Passing);
}

/**
 * How a restore finds a file that is watched: by its name; by its handle, where the kernel has forgotten the name (with
 * --force-irmap it is searched for); or, of a deleted file, by device and inode, as the same file that a descriptor of the
 * tree has open. What has none of these, as files of overlayfs, is searched for.
 * @param what for messages: "an inotify whose watch 1"
 */
export function watchedFile(files: Files, file: Description, what: string, watched: WatchedInode): FhEntry {
  const { sdev, ino, handle } = watched;
  const entry = entryOf(handle);
  const path = handle && pathOfHandle(sdev, ino, handle);
  if (path !== undefined) return { ...entry, path };
  const nlink = handle && linksOf(sdev, ino, handle);
  if (!nlink || files.ctx.options.forceIrmap) files.nameless.add({ file, what, watched, nlink, entry });
  return entry;
}

function entryOf(handle: FileHandle | undefined): FhEntry {
  if (!handle) return { bytes: 0, type: 0, handle: [] };
  const words = new BigUint64Array(16);
  new Uint8Array(words.buffer).set(handle.bytes.subarray(0, words.byteLength));
  return { bytes: handle.bytes.length, type: handle.type, handle: [...words] };
}

/** How many names the file of a handle has; undefined when it cannot be opened by it. */
function linksOf(sdev: number, ino: bigint, handle: FileHandle): number | undefined {
  const fd = openHandle(sdev, ino, handle);
  if (fd === undefined) return undefined;
  const { nlink } = fstatSync(fd);
  closeSync(fd);
  return nlink;
}
