import { closeSync, constants, fstatSync, lstatSync, openSync, statfsSync, type Stats } from 'node:fs';
import { followLink } from './trusted-link.js';
import { notAFile, unreadable } from './unreadable.js';

/** linux/magic.h: file systems whose files are no bytes on a disk; reading one may wait for ever, or change something. */
const PSEUDO: ReadonlyMap<number, string> = new Map([
  [0x9fa0, 'procfs'],
  [0x62656572, 'sysfs'],
  [0x64626720, 'debugfs'],
  [0x74726163, 'tracefs'],
  [0x73636673, 'securityfs'],
  [0xf97cff8c, 'selinuxfs'],
  [0x43415d53, 'smackfs'],
  [0x27e0eb, 'cgroup'],
  [0x63677270, 'cgroup2'],
  [0x6165676c, 'pstore'],
  [0xde5e81e4, 'efivarfs'],
  [0xcafe4a11, 'bpf'],
  [0x42494e4d, 'binfmt_misc'],
  [0x62656570, 'configfs'],
  [0x65735543, 'fusectl'],
  [0x7655821, 'resctrl'],
  [0x1cd1, 'devpts'],
  [0x19800202, 'mqueue'],
  [0x6e736673, 'nsfs'],
  [0x50494446, 'pidfs'],
  [0xabba1974, 'xenfs'],
]);

/** The name of the pseudo file system on a device, if it is one. */
const pseudo = new Map<number, string | undefined>();

function pseudoFileSystem(fd: number, file: string, dev: number): string | undefined {
  if (!pseudo.has(dev)) {
    let type: number | undefined;
    try {
      type = statfsSync(`/proc/self/fd/${fd}`).type;
    } catch {
      // no /proc, or no Linux
      type = statfsSync(file).type;
    }
    pseudo.set(dev, PSEUDO.get(type >>> 0));
  }
  return pseudo.get(dev);
}

function kind(stat: Stats): string | undefined {
  if (stat.isFile()) return undefined;
  if (stat.isDirectory()) return 'a directory';
  if (stat.isFIFO()) return 'a FIFO';
  if (stat.isSocket()) return 'a socket';
  return stat.isCharacterDevice() ? 'a character device' : stat.isBlockDevice() ? 'a block device' : 'a special file';
}

/** A file that is open; whoever opened it closes the descriptor. */
export interface OpenedFile {
  readonly fd: number;
  readonly stat: Stats;
  /** The path as given, or where it leads when its last part is a link. */
  readonly path: string;
}

/**
 * Opens a regular file of a real file system for reading; nothing else is opened, so opening and reading end. A symbolic
 * link is followed where only root or crit's user can have made it.
 * @throws ImageError NO_IMAGE, NO_ACCESS, NOT_A_FILE, FOREIGN_LINK, BROKEN_LINK, UNREADABLE
 */
export function openRegularFile(given: string): OpenedFile {
  let fd = -1;
  try {
    let file = given;
    let seen = lstatSync(file);
    if (seen.isSymbolicLink()) {
      file = followLink(given);
      seen = lstatSync(file);
    }
    const what = kind(seen);
    if (what !== undefined) throw notAFile(given, what);
    // it may have been exchanged since
    fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY | constants.O_NOFOLLOW);
    const stat = fstatSync(fd);
    if (stat.dev !== seen.dev || stat.ino !== seen.ino)
      throw notAFile(given, 'it is exchanged while it is being opened: this is');
    const system = pseudoFileSystem(fd, file, stat.dev);
    if (system !== undefined) throw notAFile(given, `a file of the pseudo file system ${system}`);
    return { fd, stat, path: file };
  } catch (error) {
    if (fd >= 0) closeSync(fd);
    throw unreadable(given, error);
  }
}
