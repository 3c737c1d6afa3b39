import {
  closeSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  unlinkSync,
} from 'node:fs';
import path from 'node:path';
import { describeType, typeOfFileName } from '../../image/catalogue.js';
import { CritError, ImageError } from '../../image/errors.js';
import { PARENT } from '../../image/parent-link.js';
import { whyFailed } from '../../image/system-words.js';
import { ERRNO, errnoWords } from '../../kernel/uapi/errno.js';
import { LOCK_EX, LOCK_NB, O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from '../../kernel/uapi/open-flags.js';
import { at } from '../../kernel/trusted-path.js';
import { sysRaw } from '../../native/sys.js';
import { openImageReader } from '../../decode/image-reader.js';
import { fault } from './fault.js';

// How a directory goes from one set of images to the next:
// 1. A dump makes its images in a directory of its own inside, which it holds a lock on.
// 2. When they are complete, the inventory there gets another name: from here on the new set is the one that counts.
// 3. The inventory of the old set goes, then the images that the new set does not have, then the new ones take their
//    places, then their inventory. A reader that does not know of all this finds no inventory until then.
// A dump that is killed before 2 leaves the old set as it was. One that is killed after 2 is finished by the next command
// of crit that comes by: each step of 3 can be done again.

/** Where a dump makes its images, in the images directory. */
export const STAGING = '.crit-dump';

/** What the inventory is called in there once the set is complete and counts. */
export const COMMITTED = 'committed.img';
export const INVENTORY = 'inventory.img';

/** Another process is at work in the directory. */
export class Busy extends CritError {
  constructor(dir: string) {
    super(`another dump is writing into ${dir} at this moment: wait for its end, or name another directory`, {
      code: 'BUSY',
    });
  }
}

/** An image of the set: statistics and the like are not. */
export function isOfSet(name: string): boolean {
  const found = typeOfFileName(name);
  return found !== undefined && describeType(found.type).first !== 'service';
}

/** An older set may have been an increment; a directory of that name is none of ours. */
const isParentLink = (dirFd: number, name: string): boolean =>
  name === PARENT && lstatSync(at(dirFd, name)).isSymbolicLink();

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error);

/** Removes a file that may be gone. */
function remove(file: string): void {
  try {
    unlinkSync(file);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

/**
 * Opens the staging directory of an open images directory, and makes it if it is not there. It stays locked while the
 * descriptor is open: the lock is on a directory that others cannot open, so that they cannot hold it either.
 * @param shown the images directory's name, for errors @throws CritError BUSY, BAD_DIRECTORY
 */
export function lockStaging(dirFd: number, shown: string): number {
  const where = at(dirFd, STAGING);
  for (;;) {
    let made = true;
    try {
      mkdirSync(where, 0o700);
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw badStaging(shown, `cannot be made: ${whyFailed(error)}`, error);
      made = false;
    }
    let fd: number;
    try {
      fd = openSync(where, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') continue; // its owner has just finished
      throw badStaging(shown, `is not a directory that a dump has left (${whyFailed(error)}): remove it`, error);
    }
    const { uid, dev, ino } = fstatSync(fd);
    if (!made && uid !== process.geteuid?.()) {
      closeSync(fd);
      throw badStaging(shown, `belongs to another user (uid ${uid}): remove it`);
    }
    const failed = sysRaw('flock', fd, LOCK_EX | LOCK_NB);
    if (failed < 0) {
      closeSync(fd);
      if (-failed === ERRNO.EAGAIN) throw new Busy(shown);
      throw badStaging(shown, `cannot be locked: ${errnoWords(-failed)}`);
    }
    // It may have been removed before the lock was there.
    const now = lstatSync(where, { throwIfNoEntry: false });
    if (now?.dev === dev && now.ino === ino) return fd;
    closeSync(fd);
  }
}

const badStaging = (shown: string, why: string, cause?: unknown): CritError =>
  new CritError(`${path.join(shown, STAGING)}, where a dump makes its images, ${why}`, {
    code: 'BAD_DIRECTORY',
    cause,
  });

/** The set in a staging directory counts from now on. */
export function commit(stagingFd: number): void {
  renameSync(at(stagingFd, INVENTORY), at(stagingFd, COMMITTED));
}

/** It does not after all: nothing else was done yet. */
export function takeBack(stagingFd: number): void {
  renameSync(at(stagingFd, COMMITTED), at(stagingFd, INVENTORY));
}

/** A dump was killed after its set was complete, and before all images were in their places. */
export const isCommitted = (stagingFd: number): boolean =>
  lstatSync(at(stagingFd, COMMITTED), { throwIfNoEntry: false }) !== undefined;

/** An older set is still there: to take its inventory away is the first step. */
export const hasInventory = (dirFd: number): boolean =>
  lstatSync(at(dirFd, INVENTORY), { throwIfNoEntry: false }) !== undefined;

/** The first step of taking an old set away. */
export function removeInventory(dirFd: number): void {
  remove(at(dirFd, INVENTORY));
}

/** The names of a committed set; undefined when a power cut has taken them. */
function recorded(stagingFd: number, shown: string): ReadonlySet<string> | undefined {
  const fd = openSync(at(stagingFd, COMMITTED), O_RDONLY | O_NOFOLLOW);
  try {
    using reader = openImageReader({ fd, name: path.join(shown, STAGING, COMMITTED) }, { type: 'INVENTORY' });
    const [inventory] = reader;
    return inventory && new Set(inventory.message.images?.map(({ name }) => name));
  } catch (error) {
    if (error instanceof ImageError) return undefined;
    throw error;
  } finally {
    closeSync(fd);
  }
}

/**
 * Puts a committed set into the images directory, in place of what is there. It can be interrupted and done again.
 * @returns false, with nothing done, when its inventory is damaged
 */
export function putInPlace(dirFd: number, stagingFd: number, shown: string): boolean {
  const kept = recorded(stagingFd, shown);
  if (!kept) return false;
  removeInventory(dirFd);
  fault('commit');
  for (const name of readdirSync(at(dirFd, '.')))
    if ((isOfSet(name) || isParentLink(dirFd, name)) && !kept.has(name)) {
      remove(at(dirFd, name));
      fault('commit');
    }
  for (const name of readdirSync(at(stagingFd, '.'))) {
    if (name === COMMITTED) continue;
    renameSync(at(stagingFd, name), at(dirFd, name));
    fault('commit');
  }
  renameSync(at(stagingFd, COMMITTED), at(dirFd, INVENTORY));
  fault('commit');
  return true;
}

/** Removes whatever a dump that did not come to its end has left, and the staging directory with it. */
export function removeStaging(dirFd: number, stagingFd: number): void {
  emptyStaging(stagingFd);
  rmdirSync(at(dirFd, STAGING));
}

/** Removes whatever a dump that did not come to its end has left. */
export function emptyStaging(stagingFd: number): void {
  for (const name of readdirSync(at(stagingFd, '.'))) rmSync(at(stagingFd, name), { recursive: true, force: true });
}
