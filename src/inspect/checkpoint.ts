import { lstatSync, readlinkSync, statSync } from 'node:fs';
import path from 'node:path';
import { ImageDir } from '../encode/image-dir.js';
import { DirectoryStore } from '../image/directory-store.js';
import { CritError, ImageError } from '../image/errors.js';
import type { ImageStore } from '../image/image-store.js';
import { PARENT } from '../image/parent-link.js';
import { Archive } from './archive/archive.js';

/** Images without which nothing is a checkpoint. */
const FIRST_IMAGES = ['inventory.img', 'pstree.img'];
/** Where podman, CRI-O and Kubernetes put the images, beside what they know of the container. */
const IMAGES_BELOW = 'checkpoint';

/**
 * A checkpoint, wherever it lies: a directory of images, the directory of a container's checkpoint, or an archive of one
 * of them. It is only read.
 * @example
 * import { openCheckpoint } from 'crit-checkpoint';
 * const { images } = openCheckpoint('fixtures/sets/tree');
 * console.assert(images.read('PSTREE').entries.length > 0);
 */
export interface Checkpoint {
  /** As it was given; of a parent, the directory. */
  readonly path: string;
  readonly images: ImageDir;
  /** Files that container engines put beside the images (config.dump, spec.dump, ...); of a bare set, its own directory. */
  readonly beside: ImageStore;
  /** The set that this one is an increment of. @throws CritError MISSING_PARENT when it is named and not there */
  parent(): Checkpoint | undefined;
  /** Why a part of an archive cannot be read. */
  readonly damage: string | undefined;
}

/** A longer chain goes in a circle. */
const MAX_PARENTS = 10_000;

const isSet = (store: ImageStore) => FIRST_IMAGES.some((name) => store.has(name));

/**
 * Opens a checkpoint to look into it.
 * @param file a directory, or a .tar, .tar.gz or .tar.zst
 * @throws ImageError NO_IMAGE when there is none, BAD_ARCHIVE, NOT_A_FILE
 */
export function openCheckpoint(file: string): Checkpoint {
  const stat = statSync(file, { throwIfNoEntry: false });
  if (!stat) throw new ImageError('there is no such file or directory', { file }, { code: 'NO_IMAGE' });
  return stat.isDirectory() ? inDirectory(file, 0) : inArchive(new Archive(file));
}

function inDirectory(directory: string, depth: number): Checkpoint {
  const beside = new DirectoryStore(directory);
  const below = path.join(directory, IMAGES_BELOW);
  const at = !isSet(beside) && isSet(new DirectoryStore(below)) ? below : directory;
  return {
    path: directory,
    images: new ImageDir(at),
    beside,
    damage: undefined,
    parent: () => {
      const link = path.join(at, PARENT);
      if (!lstatSync(link, { throwIfNoEntry: false })) return undefined;
      if (!statSync(link, { throwIfNoEntry: false })?.isDirectory()) throw missingParent(link, linkText(link));
      return depth < MAX_PARENTS ? inDirectory(link, depth + 1) : tooManyParents(link);
    },
  };
}

function linkText(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return link;
  }
}

function missingParent(link: string, target: string): CritError {
  return new CritError(
    `${link}: the set is an increment of the one in ${target}, which is not there: bring it, its pages are needed`,
    { code: 'MISSING_PARENT' },
  );
}

function tooManyParents(link: string): never {
  throw new CritError(`${link}: the chain of parents goes in a circle`, { code: 'BAD_IMAGE' });
}

function inArchive(archive: Archive): Checkpoint {
  const directories = new Set<string>();
  for (const name of archive.members.keys())
    if (FIRST_IMAGES.includes(path.posix.basename(name))) directories.add(path.posix.dirname(name).replace(/^\.$/, ''));
  // the container's own comes before pre-dumps beside it, the uppermost before others
  const rank = (name: string) => [path.posix.basename(name) === IMAGES_BELOW ? 0 : 1, name.split('/').length] as const;
  const [first] = [...directories].sort((a, b) => {
    const [left, right] = [rank(a), rank(b)];
    return left[0] - right[0] || left[1] - right[1] || (a < b ? -1 : 1);
  });
  return at(archive, first ?? '', 0);
}

function at(archive: Archive, directory: string, depth: number): Checkpoint {
  const store = archive.directory(directory);
  const above = path.posix.dirname(directory).replace(/^\.$/, '');
  return {
    path: directory === '' ? archive.path : archive.pathOf(directory),
    images: new ImageDir({ path: archive.pathOf(directory), store }),
    beside: path.posix.basename(directory) === IMAGES_BELOW ? archive.directory(above) : store,
    damage: archive.damage,
    parent: () => {
      const link = path.posix.join(directory, PARENT);
      const member = archive.members.get(link);
      if (!member) return undefined;
      const to = member.kind === 'symlink' ? path.posix.join(directory, member.target ?? '') : link;
      if (!isSet(archive.directory(to))) throw missingParent(archive.pathOf(link), member.target ?? link);
      return depth < MAX_PARENTS ? at(archive, to, depth + 1) : tooManyParents(archive.pathOf(link));
    },
  };
}
