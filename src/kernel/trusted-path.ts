import { closeSync, fstatSync, lstatSync, openSync, readlinkSync, statfsSync, statSync, unlinkSync } from 'node:fs';
import type { Stats } from 'node:fs';
import path from 'node:path';
import { CritError } from '../image/errors.js';
import { PROC_SUPER_MAGIC } from './uapi/mount.js';
import * as O from './uapi/open-flags.js';

// A path that root is given may lead through directories of other users, who can put a symbolic link, a FIFO or a hard
// link there at any moment. What is there is used only where nobody but root or crit's own user can have put it there.
// Each step begins at the descriptor of the directory before, so that what was looked at is what is used
// (path_resolution(7)).

/** As MAXSYMLINKS of the kernel (linux/namei.h). */
const MAX_LINKS = 40;
const STICKY = 0o1000;
const GROUP_WRITES = 0o020;
const OTHERS_WRITE = 0o002;

let users: ReadonlySet<number> | undefined;

/**
 * Only root or crit's own user can have made what belongs to this user; so can the owner of "/", who is somebody else than 0
 * in a user namespace that does not map the machine's root.
 */
export const isTrustedOwner = (uid: number): boolean =>
  (users ??= new Set([0, process.geteuid?.() ?? 0, statSync('/').uid])).has(uid);

/** Nobody but root and crit's user can change it, or the names in it if it is a directory. */
export const isTrusted = ({ uid, gid, mode }: Stats): boolean =>
  isTrustedOwner(uid) &&
  !(mode & OTHERS_WRITE) &&
  (!(mode & GROUP_WRITES) || gid === 0 || gid === (process.getegid?.() ?? 0));

/**
 * Nobody but root and crit's user can have put this into the directory. Everybody makes names in /tmp, but each owner alone
 * changes his, and only the content of a file can be another's by a hard link.
 */
export function isTrustedName(directory: Stats, found: Stats): boolean {
  if (isTrusted(directory)) return true;
  if (!isTrustedOwner(directory.uid) || !isTrustedOwner(found.uid)) return false;
  if (directory.mode & OTHERS_WRITE && !(directory.mode & STICKY)) return false;
  return !found.isFile() || found.nlink === 1;
}

/** A name in an open directory, for functions that take a path. */
export const at = (dirFd: number, name: string): string => `/proc/self/fd/${dirFd}/${name}`;

/** Whose link it is that is not followed. */
function untrusted(shown: string, link: string, uid: number): CritError {
  return new CritError(
    `${shown} leads through ${link}, a symbolic link that another user (uid ${uid}) can have put there and that is not followed: name the place itself`,
    { code: 'FOREIGN_LINK' },
  );
}

/**
 * Walks along a path, following only links that nobody else can have put there.
 * @returns the end's descriptor (O_PATH), and what the directory is like that it was found in
 * @throws CritError FOREIGN_LINK; ErrnoException
 */
function walk(file: string): { fd: number; directory: Stats } {
  const steps = file.split('/').reverse();
  const flags = O.O_PATH | O.O_DIRECTORY;
  let here = openSync(path.isAbsolute(file) ? '/' : '.', flags);
  let directory = fstatSync(here);
  let shown = path.isAbsolute(file) ? '/' : '';
  try {
    for (let links = 0; steps.length > 0;) {
      const name = steps.pop()!;
      if (name === '' || name === '.') continue;
      directory = fstatSync(here);
      if (!directory.isDirectory()) throw new CritError(`${shown} is not a directory`, { code: 'ENOTDIR' });
      let next = openSync(at(here, name), O.O_PATH | O.O_NOFOLLOW);
      try {
        const stat = fstatSync(next);
        const link = path.join(shown, name);
        if (!stat.isSymbolicLink()) {
          [here, next, shown] = [next, here, link];
          continue;
        }
        if (!isTrustedName(directory, stat)) throw untrusted(file, link, stat.uid);
        if (++links > MAX_LINKS) throw new CritError(`${link}: too many symbolic links`, { code: 'ELOOP' });
        const target = readlinkSync(at(here, name));
        if (statfsSync(at(here, '.')).type === PROC_SUPER_MAGIC) {
          const end = openSync(at(here, name), O.O_PATH);
          closeSync(here);
          [here, shown] = [end, target];
          continue;
        }
        steps.push(...target.split('/').reverse());
        if (!path.isAbsolute(target)) continue;
        const root = openSync('/', flags);
        closeSync(here);
        [here, shown] = [root, '/'];
      } finally {
        closeSync(next);
      }
    }
    return { fd: here, directory };
  } catch (error) {
    closeSync(here);
    throw error;
  }
}

/** Opens the end of a walk for use. */
function reopen(fd: number, flags: number): number {
  try {
    return openSync(`/proc/self/fd/${fd}`, flags);
  } finally {
    closeSync(fd);
  }
}

/**
 * Opens a directory without following a symbolic link that another user can have put there.
 * @returns its descriptor (O_RDONLY) @throws CritError FOREIGN_LINK; ErrnoException
 */
export function openTrustedDirectory(dir: string): number {
  return reopen(walk(dir).fd, O.O_RDONLY | O.O_DIRECTORY);
}

/**
 * Opens a regular file that nobody but root or crit's user can have made or can change.
 * @returns its descriptor (O_RDONLY) @throws CritError FOREIGN_LINK, FOREIGN_FILE, NOT_A_FILE; ErrnoException
 */
export function openTrustedFile(file: string): number {
  const { fd } = walk(file);
  const stat = fstatSync(fd);
  const refused = !stat.isFile()
    ? (['is not a regular file', 'NOT_A_FILE'] as const)
    : !isTrustedOwner(stat.uid)
      ? ([`belongs to another user (uid ${stat.uid})`, 'FOREIGN_FILE'] as const)
      : !isTrusted(stat)
        ? (['can be written by others', 'FOREIGN_FILE'] as const)
        : undefined;
  if (refused) {
    closeSync(fd);
    throw new CritError(`${file} ${refused[0]}`, { code: refused[1] });
  }
  return reopen(fd, O.O_RDONLY);
}

const NEW = O.O_WRONLY | O.O_CREAT | O.O_EXCL | O.O_NOFOLLOW;

/**
 * Makes a file (mode 0600) that must not be there. @returns its descriptor, and what removes the file again
 * @throws CritError FOREIGN_LINK; ErrnoException
 */
export function createNewFile(file: string): { fd: number; remove: () => void } {
  const dirFd = openTrustedDirectory(path.dirname(file));
  const name = at(dirFd, path.basename(file));
  try {
    return { fd: openSync(name, NEW, 0o600), remove: () => unlinkSync(name) };
  } catch (error) {
    closeSync(dirFd);
    throw error;
  }
}

/**
 * Opens a file to be written from its beginning; a new one has mode 0600. What is there is used only where nobody else can
 * have put it there (then it may be a link, a FIFO or a device as well); otherwise a new file takes its place.
 * @returns its descriptor @throws CritError FOREIGN_LINK; ErrnoException
 */
export function openOutput(file: string): number {
  for (let rounds = 0; rounds < MAX_LINKS; rounds++) {
    const dirFd = openTrustedDirectory(path.dirname(file));
    try {
      const name = at(dirFd, path.basename(file));
      const found = lstatSync(name, { throwIfNoEntry: false });
      if (found && !isTrustedName(fstatSync(dirFd), found)) unlinkSync(name);
      else if (found?.isSymbolicLink() && statfsSync(at(dirFd, '.')).type !== PROC_SUPER_MAGIC) {
        file = path.resolve(readlinkSync(`/proc/self/fd/${dirFd}`), readlinkSync(name));
        continue;
      } else if (found) return openSync(name, O.O_WRONLY | O.O_TRUNC | O.O_NOCTTY);
      return openSync(name, NEW, 0o600);
    } catch (error) {
      // Somebody was faster: it is looked at again.
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EEXIST' && code !== 'ENOENT') throw error;
    } finally {
      closeSync(dirFd);
    }
  }
  throw new CritError(file, { code: 'ELOOP' });
}
