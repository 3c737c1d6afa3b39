import { FdTypes } from '../../image/generated/messages.js';
import { parseFdTarget } from '../../kernel/proc/fd-links.js';
import { O_PATH } from '../../kernel/uapi/open-flags.js';
import { S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK } from '../../kernel/uapi/stat.js';
import type { FileKind } from './kind.js';
import type { OpenFile } from './open-file.js';

const HANDLES = new Set<number>([S_IFIFO, S_IFSOCK]);

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
    const { flags, pos, mntId } = file.info;
    const open: OpenFile = { link, stat, where, mntId, open: () => files.take(file) };
    return { reg: files.regular(file.id, open, flags, pos, file.owner) };
  },
};
