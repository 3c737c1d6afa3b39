import { FdTypes, type InotifyWdEntry } from '../../image/generated/messages.js';
import { pathOfHandle } from '../../task/handle-path.js';
import { inotifyWatches, type InotifyWatch } from '../../kernel/proc/fdinfo.js';
import { FIONREAD } from '../../kernel/uapi/ioctl.js';
import { sys } from '../../native/sys.js';
import type { Description } from './description.js';
import type { FileKind } from './kind.js';
import { unsupported } from './unsupported.js';

/** inotify(7). Which files are watched is told by handles; they are found again by name. */
export const inotify: FileKind = {
  type: FdTypes.INOTIFY,
  matches: ({ link }) => link === 'anon_inode:inotify',
  make: (files) => (file) => {
    if (files.use(file, unreadBytes) > 0) throw unsupported(file, 'an inotify with events that nobody has read');
    const { id, info, owner } = file;
    return {
      ify: { id, flags: info.flags, fown: owner, wd: inotifyWatches(info).map((watch) => entryOf(file, watch)) },
    };
  },
};

function unreadBytes(fd: number): number {
  const bytes = new Int32Array(1);
  sys('ioctl', fd, FIONREAD, bytes);
  return bytes[0]!;
}

function entryOf(file: Description, { wd, ino, sdev, mask, handle }: InotifyWatch): InotifyWdEntry {
  const path = handle && pathOfHandle(sdev, ino, handle);
  if (!handle || path === undefined)
    throw unsupported(file, `an inotify whose watch ${wd} is on a file that has no name here (inode ${ino})`);
  const words = new BigUint64Array(16);
  new Uint8Array(words.buffer).set(handle.bytes);
  const f_handle = { bytes: handle.bytes.length, type: handle.type, handle: [...words], path };
  return { id: file.id, i_ino: ino, mask, ignored_mask: 0, s_dev: sdev, wd, f_handle };
}
