import { lstatSync, type Stats } from 'node:fs';
import path from 'node:path';
import { ImageError } from './errors.js';
import { directoryOf, walkLinks } from './walk-links.js';

const S_IWGRP = 0o020;
const S_IWOTH = 0o002;
const S_ISVTX = 0o1000;

const isOurs = (uid: number) => uid === 0 || uid === process.geteuid?.();

/** Whether nobody but root and crit's user can have put something into a directory, or can take it away. */
function isOurDirectory(stat: Stats): boolean {
  if (!isOurs(stat.uid)) return false;
  if (stat.mode & S_ISVTX) return true; // others cannot rename what is not theirs
  if (stat.mode & S_IWOTH) return false;
  return !(stat.mode & S_IWGRP) || stat.gid === 0 || stat.gid === process.getegid?.();
}

/**
 * Where a symbolic link leads, by links alone that only root or crit's user can have made: any other could lead a crit
 * that runs as root to files that whoever made it may not read.
 * @returns a path without links
 * @throws ImageError FOREIGN_LINK, BROKEN_LINK
 */
export function followLink(link: string): string {
  const ours = new Map<string, boolean>();
  let first = true;
  const check = (at: string, stat: Stats) => {
    const dir = path.dirname(at);
    let trusted = ours.get(dir);
    if (trusted === undefined) ours.set(dir, (trusted = isOurDirectory(lstatSync(dir))));
    const what = first ? 'a symbolic link' : `leads over ${at}, a symbolic link`;
    first = false;
    if (isOurs(stat.uid) && trusted) return;
    const who = isOurs(stat.uid) ? `in ${dir}, which others can change` : `of user ${stat.uid}`;
    throw new ImageError(
      `${what} ${who}: only links that none but root and the user of crit can have made are followed`,
      { file: link },
      { code: 'FOREIGN_LINK' },
    );
  };
  try {
    return walkLinks(directoryOf(link), path.basename(link), check);
  } catch (error) {
    if (error instanceof ImageError) throw error;
    // not the same as no file at all, which may stand for an empty one
    throw new ImageError('a symbolic link that leads nowhere', { file: link }, { code: 'BROKEN_LINK', cause: error });
  }
}
