import { closeSync, fstatSync, type BigIntStats } from 'node:fs';
import path from 'node:path';
import { CritError } from '../../image/errors.js';
import { whyFailed } from '../../image/system-words.js';
import { directoryOf, walkLinks } from '../../image/walk-links.js';
import { ERRNO, errnoWords } from '../../kernel/uapi/errno.js';
import { AT_FDCWD, O_CLOEXEC, O_NOFOLLOW, O_PATH, OPEN_HOW_BYTES } from '../../kernel/uapi/open-flags.js';
import { sysRaw } from '../../native/sys.js';
import { pathBytes } from '../../image/path-bytes.js';
import { openHow, type Seen } from '../../task/verified-open.js';

/** What a name leads to. */
export interface Found extends Seen {
  readonly stat: BigIntStats;
  /** The symbolic links on the way, and to whom they belong. The kernel's own names of open files have none. */
  readonly links: readonly { readonly path: string; readonly uid: number }[];
}

/**
 * Looks a name up without opening what is there.
 * @param nofollow the last part may be a symbolic link that is meant itself
 * @returns undefined when there is no such file @throws CritError MISSING_FILE when it cannot be looked at
 */
export function lookUp(name: string, nofollow = false): Found | undefined {
  const found = openPath(name);
  if (typeof found === 'number') {
    if (found === -ERRNO.ENOENT || found === -ERRNO.ENOTDIR) return undefined;
    if (found !== -ERRNO.ELOOP) throw unreachable(name, errnoWords(-found));
  } else if (nofollow || !found.stat.isSymbolicLink()) return { ...found, links: [] };
  const links: { path: string; uid: number }[] = [];
  let resolved: string;
  try {
    const note = (link: string, { uid }: { uid: number }) => {
      links.push({ path: link, uid });
    };
    resolved = nofollow ? path.posix.join(directoryOf(name), path.posix.basename(name)) : walkLinks('/', name, note);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw unreachable(name, whyFailed(error), error);
  }
  const behind = openPath(resolved);
  if (typeof behind !== 'number') return { ...behind, links };
  if (behind === -ERRNO.ENOENT) return undefined;
  throw unreachable(name, errnoWords(-behind));
}

function unreachable(name: string, why: string, cause?: unknown): CritError {
  return new CritError(`file ${name} cannot be looked at: ${why}`, { code: 'MISSING_FILE', cause });
}

/** @returns what is there, or -errno; ELOOP when there is a symbolic link before the last part */
function openPath(name: string): { path: string; dev: bigint; ino: bigint; stat: BigIntStats } | number {
  const fd = sysRaw('openat2', AT_FDCWD, pathBytes(name), openHow(O_PATH | O_NOFOLLOW | O_CLOEXEC), OPEN_HOW_BYTES);
  if (fd < 0) return fd;
  try {
    const stat = fstatSync(fd, { bigint: true });
    return { path: name, dev: stat.dev, ino: stat.ino, stat };
  } finally {
    closeSync(fd);
  }
}
