import { FdTypes } from '../../image/generated/messages.js';
import { seenByTask } from '../../image/pid.js';
import { pidFdPid } from '../../kernel/proc/fdinfo.js';
import { PIDFD_GET_INFO, PIDFD_INFO, PIDFD_INFO_BYTES, PIDFD_INFO_EXIT } from '../../kernel/uapi/clone.js';
import { ERRNO } from '../../kernel/uapi/errno.js';
import { O_RDWR } from '../../kernel/uapi/open-flags.js';
import { sysRaw, SysError } from '../../native/sys.js';
import type { FileKind } from './kind.js';
import { unsupported } from './unsupported.js';

/** What fdinfo tells of a process that was waited for. */
const GONE = -1;

/** pidfd_open(2). All of one process have the same inode (pidfs, Linux 6.9), those of one that is gone too. */
export const pidfd: FileKind = {
  type: FdTypes.PIDFD,
  matches: ({ link }) => link === 'anon_inode:[pidfd]' || link.startsWith('pidfd:['),
  make: (files) => (file) => {
    const { id, info, owner, stat } = file;
    const pid = pidFdPid(info) ?? 0;
    if (pid !== GONE && !files.tids.has(pid))
      throw unsupported(
        file,
        pid === 0 ? 'a pidfd of a process of another PID namespace' : `a pidfd of process ${pid}, outside the tree,`,
      );
    const [attributes, exit_status] = files.use(file, (fd) => [hasAttributes(fd), pid === GONE && exitStatus(fd)]);
    if (attributes) throw unsupported(file, 'a pidfd with extended attributes');
    const ended = exit_status === false ? undefined : exit_status;
    const entry = { id, ino: Number(stat.ino & 0xffffffffn), flags: info.flags & ~O_RDWR, fown: owner };
    return { pidfd: { ...entry, nspid: seenByTask(pid), ...(ended !== undefined && { exit_status: ended }) } };
  },
};

/** They belong to the process, and can be set by root (trusted.*, Linux 6.17). */
function hasAttributes(fd: number): boolean {
  const bytes = sysRaw('flistxattr', fd, null, 0);
  if (bytes >= 0) return bytes > 0;
  if (bytes === -ERRNO.EOPNOTSUPP) return false;
  throw new SysError('flistxattr', -bytes, 'of a pidfd');
}

/** @returns undefined where the kernel does not tell */
function exitStatus(fd: number): number | undefined {
  const told = new DataView(new ArrayBuffer(PIDFD_INFO_BYTES));
  told.setBigUint64(PIDFD_INFO.mask, PIDFD_INFO_EXIT, true);
  const r = sysRaw('ioctl', fd, PIDFD_GET_INFO, told.buffer);
  if (r < 0 || !(told.getBigUint64(PIDFD_INFO.mask, true) & PIDFD_INFO_EXIT)) return undefined;
  return told.getInt32(PIDFD_INFO.exit_code, true) & 0xffff;
}
