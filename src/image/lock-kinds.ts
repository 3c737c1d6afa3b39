import type { FileLockEntry } from './generated/messages.js';

/** Kinds of locks on files (file_lock_entry.flag). */
export const LOCK_KIND = { POSIX: 1, FLOCK: 2, OFD: 4, LEASE: 8 } as const;

/** Added to the type of a lease that is being broken: what it is to become. */
export const LEASE_BREAKING = 4;

/** F_RDLCK, F_WRLCK, F_UNLCK of file_lock_entry.type. */
export const LOCK_TYPE = { READ: 0, WRITE: 1, UNLOCK: 2 } as const;

const NAMES: ReadonlyMap<number, string> = new Map<number, string>([
  [LOCK_KIND.POSIX, 'a POSIX lock'],
  [LOCK_KIND.FLOCK, 'a lock of flock'],
  [LOCK_KIND.OFD, 'a lock of an open file description'],
  [LOCK_KIND.LEASE, 'a lease'],
]);

/** What the kind is called, in messages. */
export const lockName = (kind: number): string => NAMES.get(kind) ?? `a lock of kind ${kind}`;

const MAX_OFFSET = 2n ** 63n - 1n;

/** What is wrong with an entry of filelocks.img, taken by itself. */
export function lockFault({ flag, type, start, len }: FileLockEntry): string | undefined {
  if (!NAMES.has(flag)) return `flag: ${flag} is no kind of lock`;
  const breaking = flag === LOCK_KIND.LEASE && (type & LEASE_BREAKING) !== 0;
  const plain = breaking ? type & ~LEASE_BREAKING : type;
  const fits = breaking ? plain === LOCK_TYPE.READ || plain === LOCK_TYPE.UNLOCK : plain <= LOCK_TYPE.WRITE;
  if (!fits) return `type: ${type} is none of ${lockName(flag)}`;
  if (start < 0n) return `start: ${start} is no offset`;
  if (len < 0n || start + len - 1n > MAX_OFFSET) return `len: ${len} is no length`;
  return undefined;
}
