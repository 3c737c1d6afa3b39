import { statfsSync } from 'node:fs';
import { FdTypes } from '../../image/generated/messages.js';
import { parseFdTarget } from '../../kernel/proc/fd-links.js';
import { MQUEUE_MAGIC } from '../../kernel/uapi/mqueue.js';
import { O_PATH } from '../../kernel/uapi/open-flags.js';
import { S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK } from '../../kernel/uapi/stat.js';
import type { Description } from './description.js';
import type { FileKind } from './kind.js';
import type { OpenFile } from './open-file.js';
import { unsupported } from './unsupported.js';

const HANDLES = new Set<number>([S_IFIFO, S_IFSOCK]);

/** What mq_open(3) gives has a name at the root, or where such file systems are mounted. */
const QUEUE_NAME = /^\/(dev\/mqueue\/)?[^/]+$/;

function isMessageQueue({ link, stat, at }: Description): boolean {
  if ((stat.mode & S_IFMT) !== S_IFREG || !QUEUE_NAME.test(link)) return false;
  return statfsSync(`/proc/${at.pid}/fd/${at.fd}`).type === MQUEUE_MAGIC;
}

/** Regular files, directories, and whatever else has a path and is only held (O_PATH). */
export const regular: FileKind = {
  type: FdTypes.REG,
  matches: ({ link, stat, info }) => {
    if (parseFdTarget(link).kind !== 'path') return false;
    const type = stat.mode & S_IFMT;
    if (type === S_IFREG || type === S_IFDIR || type === S_IFLNK) return true;
    return (info.flags & O_PATH) !== 0 && HANDLES.has(type);
  },
  make: (files) => (file) => {
    const { link, stat, where } = file;
    if (isMessageQueue(file)) throw unsupported(file, 'a POSIX message queue');
    const { flags, pos, mntId } = file.info;
    const open: OpenFile = { link, stat, where, mntId, open: () => files.take(file) };
    return { reg: files.regular(file.id, open, flags, pos, file.owner) };
  },
};
