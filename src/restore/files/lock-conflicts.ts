import { statSync } from 'node:fs';
import type { FileLockEntry } from '../../image/generated/messages.js';
import { LOCK_KIND, LOCK_TYPE } from '../../image/lock-kinds.js';
import { readComm } from '../../kernel/proc/scalar-files.js';
import { readLocks, type FileLock } from '../../kernel/proc/locks.js';
import { devMajor, devMinor } from '../../kernel/uapi/stat.js';
import type { LookupRoot } from '../../task/lookup-root.js';
import { lookUp } from './look-up.js';

/** Kinds that can be in each other's way. */
const FAMILY: ReadonlyMap<string, number> = new Map([
  ['POSIX', LOCK_KIND.POSIX | LOCK_KIND.OFD],
  ['OFDLCK', LOCK_KIND.POSIX | LOCK_KIND.OFD],
  ['FLOCK', LOCK_KIND.FLOCK],
]);

/** Who has a lock on a file by that name which is in the way of another. @returns in words, or undefined for nobody */
export function conflictAt(root: LookupRoot, name: string, wanted: FileLockEntry): string | undefined {
  const found = lookUp(root, name);
  return found && conflict(found, wanted);
}

/** The same for the file that a link of /proc leads to. */
export function conflictWith(link: string, wanted: FileLockEntry): string | undefined {
  return conflict(statSync(link, { bigint: true }), wanted);
}

function conflict({ dev, ino }: { dev: bigint; ino: bigint }, wanted: FileLockEntry): string | undefined {
  const number = Number(dev);
  const held = readLocks().find(
    ({ lock }) =>
      lock.inode === ino &&
      lock.devMajor === devMajor(number) &&
      lock.devMinor === devMinor(number) &&
      isInTheWay(lock, wanted),
  )?.lock;
  if (!held) return undefined;
  if (held.pid <= 0) return 'an open file description outside of the tree has one';
  return `process ${held.pid} (${nameOf(held.pid)}) has one`;
}

/** Locks conflict where they overlap, unless both are for reading. A lock of flock is on the whole file. */
function isInTheWay(held: FileLock, { flag, type, start, len }: FileLockEntry): boolean {
  if (((FAMILY.get(held.kind) ?? 0) & flag) === 0) return false;
  if (held.access === 'READ' && type === LOCK_TYPE.READ) return false;
  const behind = len === 0n ? undefined : start + len;
  return (behind === undefined || held.start < behind) && (held.end === undefined || held.end >= start);
}

function nameOf(pid: number): string {
  try {
    return readComm(pid);
  } catch {
    return 'which has ended';
  }
}
