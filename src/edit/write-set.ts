import {
  closeSync,
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { describeType, imageFileName, typeOfFileName } from '../image/catalogue.js';
import { CritError } from '../image/errors.js';
import { piecesOf } from '../image/image-store.js';
import { whyFailed } from '../image/system-words.js';
import { PARENT } from '../image/parent-link.js';
import type { EditedSet } from './edited-set.js';

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
}

/** Images are for their owner alone, and never written through a link. */
function writeFile(file: string, make: (write: (bytes: Uint8Array) => void) => void): void {
  const fd = openSync(file, 'wx', 0o600);
  try {
    make((bytes) => {
      writeAll(fd, bytes);
    });
  } finally {
    closeSync(fd);
  }
}

/** A file that is as it was: the same file where that can be, else a copy. */
function carry(set: EditedSet, name: string, to: string): void {
  const from = set.images.store.pathOf(name);
  const stat = lstatSync(from, { throwIfNoEntry: false });
  if (stat?.isFile()) {
    try {
      linkSync(from, to);
      return;
    } catch {
      // another file system, or one without links, or somebody else's file
      copyFileSync(from, to);
      return;
    }
  }
  using file = set.open(name);
  writeFile(to, (write) => {
    for (const piece of piecesOf(file)) write(piece);
  });
}

/** The inventory of crit's own sets names the images, so that a torn set is recognised: it names the new ones. */
function recordImages(set: EditedSet, directory: string): void {
  if (set.changed.length === 0) return;
  set.changeIf('INVENTORY', undefined, ({ entries }) => {
    const message = entries[0]?.message;
    if (!message?.images) return 0;
    message.images = [...set.files.keys()].flatMap((name) => {
      const type = typeOfFileName(name)?.type;
      if (type === undefined || type === 'INVENTORY' || describeType(type).first === 'service') return [];
      return type === 'PAGES' ? [{ name }] : [{ name, size: BigInt(statSync(path.join(directory, name)).size) }];
    });
    return 1;
  });
}

/** The set before it. Its link is relative, and is made anew where the set is written. */
function parentOf(set: EditedSet): string | undefined {
  if (set.parent === 'none') return undefined;
  if (set.parent !== 'as it was') return set.parent.directory;
  const link = set.images.store.pathOf(PARENT);
  const isLink = lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink();
  return isLink && existsSync(link) ? realpathSync(link) : undefined;
}

/** Makes the changed set in a directory that is not there yet. */
function fill(set: EditedSet, directory: string): void {
  const put = (name: string): void => {
    const file = set.files.get(name)!;
    const to = path.join(directory, name);
    if (file.make) writeFile(to, file.make);
    else if (file.from !== undefined) carry(set, file.from, to);
  };
  const before = parentOf(set);
  if (before !== undefined)
    symlinkSync(
      path.relative(path.join(realpathSync(path.dirname(directory)), 'x'), before),
      path.join(directory, PARENT),
    );
  const inventory = imageFileName('INVENTORY');
  for (const name of set.files.keys()) if (name !== inventory) put(name);
  if (!set.files.has(inventory)) return;
  recordImages(set, directory);
  put(inventory);
}

function cannotWrite(where: string, error: unknown): CritError {
  return new CritError(`${where}: cannot be written: ${whyFailed(error)}`, { code: 'CANNOT_WRITE', cause: error });
}

/** Makes a set beside where it is to be, then gives it its name. @returns the directory that it was made in */
function make(set: EditedSet, directory: string): string {
  const staging = `${directory}.crit-new`;
  try {
    mkdirSync(staging, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw cannotWrite(staging, error);
    throw new CritError(
      `${staging} is there: another change is at work, or one was killed: remove it if nothing works in it`,
      { code: 'BUSY' },
    );
  }
  try {
    fill(set, staging);
    return staging;
  } catch (error) {
    rmSync(staging, { recursive: true, force: true });
    throw error instanceof CritError ? error : cannotWrite(directory, error);
  }
}

/**
 * Writes a changed set into a directory of its own, whole or not at all. Files that are as they were are hard links
 * where that can be.
 * @throws CritError BAD_DIRECTORY when something is there, CANNOT_WRITE
 */
export function writeSet(set: EditedSet, directory: string): void {
  const out = path.resolve(directory);
  const there = lstatSync(out, { throwIfNoEntry: false });
  if (there && !(there.isDirectory() && readdirSync(out).length === 0))
    throw new CritError(`${directory} is there and not an empty directory: name another one`, {
      code: 'BAD_DIRECTORY',
    });
  const made = make(set, out);
  renameSync(made, out);
}

/**
 * Writes a changed set in place of the one that it came from, which becomes DIRECTORY.bak.
 * @returns the backup's name @throws CritError BAD_DIRECTORY when there is such a backup, or the set is in an archive
 */
export function replaceSet(set: EditedSet): string {
  const directory = set.images.path;
  if (!lstatSync(directory, { throwIfNoEntry: false })?.isDirectory())
    throw new CritError(`${directory} cannot be changed in place: name another directory`, { code: 'BAD_DIRECTORY' });
  const real = realpathSync(directory);
  const backup = `${real}.bak`;
  if (lstatSync(backup, { throwIfNoEntry: false }))
    throw new CritError(`${backup} is there, the backup of an earlier change: move it away first`, {
      code: 'BAD_DIRECTORY',
    });
  const made = make(set, real);
  renameSync(real, backup);
  try {
    renameSync(made, real);
  } catch (error) {
    renameSync(backup, real);
    throw cannotWrite(directory, error);
  }
  return backup;
}
