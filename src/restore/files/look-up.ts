import { closeSync, fstatSync, type BigIntStats } from 'node:fs';
import { CritError } from '../../image/errors.js';
import { whyFailed } from '../../image/system-words.js';
import { ERRNO, errnoWords } from '../../kernel/uapi/errno.js';
import { O_CLOEXEC, O_NOFOLLOW, O_PATH } from '../../kernel/uapi/open-flags.js';
import type { LookupRoot } from '../../task/lookup-root.js';
import type { Seen } from '../../task/verified-open.js';

/** What a name leads to. */
export interface Found extends Seen {
  readonly root: LookupRoot;
  readonly stat: BigIntStats;
  /** The symbolic links on the way, and to whom they belong. The kernel's own names of open files have none. */
  readonly links: readonly { readonly path: string; readonly uid: number }[];
}

/**
 * Looks a name up without opening what is there.
 * @param nofollow the last part may be a symbolic link that is meant itself
 * @returns undefined when there is no such file @throws CritError MISSING_FILE when it cannot be looked at
 */
export function lookUp(root: LookupRoot, name: string, nofollow = false): Found | undefined {
  const found = openPath(root, name);
  if (typeof found === 'number') {
    if (found === -ERRNO.ENOENT || found === -ERRNO.ENOTDIR) return undefined;
    if (found !== -ERRNO.ELOOP) throw unreachable(name, errnoWords(-found));
  } else if (nofollow || !found.stat.isSymbolicLink()) return { ...found, root, links: [] };
  const links: { path: string; uid: number }[] = [];
  let resolved: string;
  try {
    resolved = root.follow(name, nofollow, (link, { uid }) => links.push({ path: link, uid }));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw unreachable(name, whyFailed(error), error);
  }
  const behind = openPath(root, resolved);
  if (typeof behind !== 'number') return { ...behind, root, links };
  if (behind === -ERRNO.ENOENT) return undefined;
  throw unreachable(name, errnoWords(-behind));
}

function unreachable(name: string, why: string, cause?: unknown): CritError {
  return new CritError(`file ${name} cannot be looked at: ${why}`, { code: 'MISSING_FILE', cause });
}

/** @returns what is there, or -errno; ELOOP when there is a symbolic link before the last part */
function openPath(
  root: LookupRoot,
  name: string,
): { path: string; dev: bigint; ino: bigint; stat: BigIntStats } | number {
  const fd = root.open(name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return fd;
  try {
    const stat = fstatSync(fd, { bigint: true });
    return { path: name, dev: stat.dev, ino: stat.ino, stat };
  } finally {
    closeSync(fd);
  }
}
