import type { FownEntry } from '../../image/generated/messages.js';
import { seenByTask } from '../../image/pid.js';
import { answer, sysRaw } from '../../native/sys.js';
import { F_GETOWNER_UIDS } from '../../kernel/uapi/open-flags.js';

/** The owner of a description that nobody set. */
export const NO_OWNER: FownEntry = { uid: 0, euid: 0, signum: 0, pid_type: 0, pid: 0 };

/**
 * Who gets which signal when there is I/O (fcntl(2): F_SETOWN, F_SETSIG), and whose rights count.
 * @param signal the answer of F_GETSIG, or -errno (EBADF for O_PATH)
 * @param owned the answer of F_GETOWN_EX, or -errno, and `owner` what it wrote
 * @param use lends a descriptor, for the rare file that has an owner
 */
export function ownerOf(
  signal: number,
  owned: number,
  owner: DataView,
  use: (work: (fd: number) => void) => void,
): FownEntry {
  const signum = answer('fcntl', signal, ['EBADF'], 'F_GETSIG') ?? 0;
  const pid = answer('fcntl', owned, ['EBADF'], 'F_GETOWN_EX') === undefined ? 0 : owner.getInt32(4, true);
  if (pid === 0) return signum === 0 ? NO_OWNER : { ...NO_OWNER, signum };
  const uids = new Uint32Array(2);
  use((fd) => answer('fcntl', sysRaw('fcntl', fd, F_GETOWNER_UIDS, uids), ['EINVAL'], 'F_GETOWNER_UIDS'));
  return { uid: uids[0]!, euid: uids[1]!, signum, pid_type: owner.getInt32(0, true), pid: seenByTask(pid) };
}
