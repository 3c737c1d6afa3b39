import type { FownEntry } from '../../image/generated/messages.js';
import { sysRaw } from '../../native/sys.js';
import { F_GETOWN_EX, F_GETOWNER_UIDS, F_GETSIG, O_PATH } from '../../kernel/open-flags.js';

const words = new Int32Array(2);

/** The owner of a description that nobody set. */
export const NO_OWNER: FownEntry = { uid: 0, euid: 0, signum: 0, pid_type: 0, pid: 0 };

/** Who gets which signal when there is I/O (fcntl(2): F_SETOWN, F_SETSIG), and whose rights count. */
export function readOwner(fd: number, flags: number): FownEntry {
  if (flags & O_PATH) return NO_OWNER;
  const signum = Math.max(0, sysRaw('fcntl', fd, F_GETSIG, 0));
  words.fill(0);
  const r = sysRaw('fcntl', fd, F_GETOWN_EX, words);
  const [type, pid] = [words[0]!, words[1]!];
  if (r < 0 || pid === 0) return signum === 0 ? NO_OWNER : { ...NO_OWNER, signum };
  words.fill(0);
  sysRaw('fcntl', fd, F_GETOWNER_UIDS, words);
  return { uid: words[0]! >>> 0, euid: words[1]! >>> 0, signum, pid_type: type, pid };
}
