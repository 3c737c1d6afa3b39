import { closeSync, statSync, type BigIntStats } from 'node:fs';
import path from 'node:path';
import { CritError } from '../../image/errors.js';
import { BUILD_ID_CHANGE, modeChange, sizeChange } from '../../image/file-changes.js';
import type { RegFileEntry } from '../../image/generated/messages.js';
import { isTerminalMajor } from '../../image/terminals.js';
import { readBuildId, sameBuildId } from '../../kernel/build-id.js';
import { O_CLOEXEC, O_NOCTTY, O_NONBLOCK } from '../../kernel/uapi/open-flags.js';
import { hasNoState } from '../../kernel/uapi/devices.js';
import { devMajor, devMinor, kernelDev, S_ISVTX } from '../../kernel/uapi/stat.js';
import type { FileValidation } from '../context.js';
import type { Found } from './look-up.js';
import { pathBuffer } from '../../image/path-bytes.js';

const S_IWOTH = 0o002;
const RWX = 0o777;

/** What a file is opened for. */
export type Purpose = 'descriptor' | 'handle' | 'mapping' | 'directory' | 'fifo' | 'terminal';

export interface FileRules {
  readonly validation: FileValidation;
  /** Permissions are not compared (--skip-file-rwx-check). */
  readonly skipRwxCheck: boolean;
}

const NAMES: readonly (readonly [keyof BigIntStats & `is${string}`, string])[] = [
  ['isFile', 'a regular file'],
  ['isDirectory', 'a directory'],
  ['isSymbolicLink', 'a symbolic link'],
  ['isFIFO', 'a FIFO'],
  ['isSocket', 'a socket'],
  ['isCharacterDevice', 'a character device'],
  ['isBlockDevice', 'a block device'],
];

function kindOf(stat: BigIntStats): string {
  return NAMES.find(([is]) => stat[is]())?.[1] ?? 'a special file';
}

/** Whether a file can be opened for a purpose without waiting, and without waking a device. */
function suits(stat: BigIntStats, purpose: Purpose): boolean {
  const memory = stat.isCharacterDevice() && hasNoState(devMajor(stat.rdev), devMinor(stat.rdev));
  switch (purpose) {
    case 'handle':
      return true;
    case 'descriptor':
      return stat.isFile() || stat.isDirectory() || memory;
    case 'mapping':
      return stat.isFile() || memory;
    case 'directory':
      return stat.isDirectory();
    case 'fifo':
      return stat.isFIFO();
    case 'terminal':
      return stat.isCharacterDevice() && isTerminalMajor(devMajor(stat.rdev));
  }
}

const WANTED: { readonly [P in Purpose]?: string } = {
  directory: 'a directory',
  fifo: 'a FIFO',
  terminal: 'a terminal',
};

/** What is wrong with the type of a file. */
export function wrongKind(stat: BigIntStats, purpose: Purpose): string | undefined {
  if (suits(stat, purpose)) return undefined;
  return `is ${kindOf(stat)}, the images have it as ${WANTED[purpose] ?? 'a file'}`;
}

/**
 * Compares a file with what the images say of it.
 * @returns every difference that forbids to open it in the place of the one that was dumped
 */
export function differences(entry: RegFileEntry, found: Found, purpose: Purpose, rules: FileRules): CritError[] {
  const { stat } = found;
  const out: CritError[] = [];
  const name = found.path === entry.name ? entry.name : `${entry.name}, which leads to ${found.path},`;
  const changed = (what: string) => {
    out.push(new CritError(`file ${name} ${what}`, { code: 'CHANGED_FILE' }));
  };
  const wrong = wrongKind(stat, purpose);
  if (wrong !== undefined) changed(wrong);
  else if (entry.mode !== undefined) compareMode(entry.mode, Number(stat.mode), rules, changed);
  if (entry.rdev !== undefined && entry.rdev !== kernelDev(devMajor(stat.rdev), devMinor(stat.rdev)))
    changed(`is another device (${devMajor(stat.rdev)}:${devMinor(stat.rdev)}) than when it was dumped`);
  compareOwner(entry, found, rules, changed, (error) => out.push(error));
  if (out.length === 0 && rules.validation !== 'none') compareContent(entry, found, rules, changed);
  return out;
}

type Changed = (what: string) => void;

function compareMode(was: number, is: number, { skipRwxCheck }: FileRules, changed: Changed): void {
  const mask = skipRwxCheck ? ~RWX : ~0;
  if ((was & mask) === (is & mask)) return;
  const hint = ((was ^ is) & ~RWX) === 0 ? ' (--skip-file-rwx-check passes over permissions)' : '';
  changed(`${modeChange(was, is)}${hint}`);
}

/**
 * A user whose process is restored by root must not get a file of root's by putting it, or a link to it, in the place of
 * his own.
 */
function compareOwner(
  entry: RegFileEntry,
  { root, path: name, stat, links }: Found,
  { validation }: FileRules,
  changed: Changed,
  refuse: (error: CritError) => void,
): void {
  const { uid, gid, ino, dev } = entry;
  if (uid !== undefined && (BigInt(uid) !== stat.uid || (gid !== undefined && BigInt(gid) !== stat.gid))) {
    changed(`belongs to ${stat.uid}:${stat.gid}, when it was dumped it belonged to ${uid}:${gid ?? '?'}`);
    return;
  }
  const sameDev = dev !== undefined && dev === kernelDev(devMajor(stat.dev), devMinor(stat.dev));
  if (sameDev && ino === stat.ino) return;
  const foreign = links.find((link) => !trusted(link.uid, stat));
  if (foreign)
    refuse(
      new CritError(
        `file ${name} is reached through ${foreign.path}, a symbolic link of user ${foreign.uid}, who is neither root nor the file's owner: put back the file that was dumped`,
        { code: 'FOREIGN_LINK' },
      ),
    );
  if (!sameDev || ino === undefined || validation === 'none') return;
  const dir = statSync(pathBuffer(root.path(path.posix.dirname(name))), { bigint: true });
  const mode = Number(dir.mode);
  if (trusted(Number(dir.uid), stat) && (!(mode & S_IWOTH) || mode & S_ISVTX)) return;
  changed(
    `is another file than the one that was dumped (inode ${stat.ino}, it was ${ino}), in a directory that others than root and its owner can change: if it is meant, restore with --file-validation none`,
  );
}

function trusted(uid: number, { uid: owner }: BigIntStats): boolean {
  return uid === 0 || uid === process.geteuid?.() || BigInt(uid) === owner;
}

function compareContent(
  entry: RegFileEntry,
  { root, path: name, stat }: Found,
  rules: FileRules,
  changed: Changed,
): void {
  if (entry.size !== undefined && stat.size !== entry.size) {
    const by = stat.size > entry.size ? `it grew by ${stat.size - entry.size}` : `it lost ${entry.size - stat.size}`;
    changed(
      `${sizeChange(entry.size, stat.size)} (${by}): put back the file of that time, or restore with --file-validation none if the tree can live with the change`,
    );
    return;
  }
  if (rules.validation !== 'buildid' || !entry.build_id?.length || !stat.isFile()) return;
  const fd = root.open(name, O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd < 0) return; // opening it for the tree tells
  try {
    if (sameBuildId(entry.build_id, readBuildId(fd, Number(stat.size)))) return;
  } finally {
    closeSync(fd);
  }
  changed(`${BUILD_ID_CHANGE}. Put back the one of that time`);
}
