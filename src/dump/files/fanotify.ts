import { closeSync } from 'node:fs';
import { FdTypes, MarkType, type FanotifyMarkEntry } from '../../image/generated/messages.js';
import { fanotifyGroup, type FanotifyGroup, type FanotifyMark, readFdInfo } from '../../kernel/proc/fdinfo.js';
import { readMountInfo } from '../../kernel/proc/mountinfo.js';
import { CAPABILITIES } from '../../kernel/uapi/capability.js';
import { FAN_PERMISSION_EVENTS, FAN_REPORT_FIDS, FAN_UNLIMITED } from '../../kernel/uapi/fsnotify.js';
import { O_CLOEXEC, O_PATH } from '../../kernel/uapi/open-flags.js';
import { kernelDev } from '../../kernel/uapi/stat.js';
import type { Description } from './description.js';
import type { Files } from './files.js';
import type { FileKind } from './kind.js';
import { unsupported } from './unsupported.js';
import { refuseUnread, watchedFile } from './watched.js';

/** fanotify(7). */
export const fanotify: FileKind = {
  type: FdTypes.FANOTIFY,
  matches: ({ link }) => link === 'anon_inode:[fanotify]',
  make: (files) => (file) => {
    const { id, info, owner } = file;
    const group = fanotifyGroup(info);
    if (!group) throw unsupported(file, 'a fanotify group that the kernel does not tell of');
    const { marks, flags: faflags, eventFlags: evflags } = group;
    if (marks.some(({ mask, ignoredMask }) => (mask | ignoredMask) & FAN_PERMISSION_EVENTS))
      throw unsupported(file, 'a fanotify group that is asked for permission');
    refuseUnread(files, file, 'a fanotify group');
    if (mayBeUsers(file, group)) throw unsupported(file, 'a fanotify group of a process without CAP_SYS_ADMIN');
    // marks are set last, by who has the descriptor
    if (file.inFlight && marks.length > 0) throw unsupported(file, 'a fanotify group with marks');
    const mark = marks.map((one) => markOf(files, file, one));
    return { ffy: { id, flags: info.flags, fown: owner, faflags, evflags, mark } };
  },
};

/** One that a user has made does not tell who caused an event, and the kernel does not tell who has made it. */
const mayBeUsers = ({ task }: Description, { flags }: FanotifyGroup) =>
  (flags & FAN_REPORT_FIDS) !== 0 &&
  (flags & FAN_UNLIMITED) === 0 &&
  !(task.status.capEff & (1n << BigInt(CAPABILITIES.CAP_SYS_ADMIN)));

function markOf(files: Files, file: Description, mark: FanotifyMark): FanotifyMarkEntry {
  const { on, ino, sdev, flags, mask, ignoredMask } = mark;
  const entry = { id: file.id, mflags: flags, mask, ignored_mask: ignoredMask, s_dev: sdev };
  switch (on) {
    case 'file': {
      const f_handle = watchedFile(files, file, 'a fanotify group one of whose marks', mark);
      return { ...entry, type: MarkType.INODE, ie: { i_ino: ino, f_handle } };
    }
    case 'mount':
    case 'file system': {
      const me = mountOf(files, mark);
      if (!me) throw unsupported(file, `a fanotify group with a mark on a ${on} that cannot be reached here`);
      return { ...entry, type: on === 'mount' ? MarkType.MOUNT : MarkType.FILESYSTEM, me };
    }
    default:
      throw unsupported(file, `a fanotify group with a mark on a ${on}`);
  }
}

/** The mount of a mark, or one of its file system; not one that another mount hides. */
function mountOf({ ctx: { lookupRoot } }: Files, { on, mntId, sdev }: FanotifyMark) {
  for (const { id, devMajor, devMinor, mountPoint } of readMountInfo(process.pid)) {
    if (on === 'mount' ? id !== mntId : kernelDev(devMajor, devMinor) !== sdev) continue;
    const fd = lookupRoot.open(mountPoint, O_PATH | O_CLOEXEC);
    if (fd < 0) continue;
    const reached = readFdInfo(process.pid, fd).mntId;
    closeSync(fd);
    if (reached === id) return { mnt_id: id, path: mountPoint };
  }
  return undefined;
}
