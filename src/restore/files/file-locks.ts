import { imageFileName } from '../../image/catalogue.js';
import { CritError } from '../../image/errors.js';
import type { FileLockEntry } from '../../image/generated/messages.js';
import { LEASE_BREAKING, LOCK_KIND, lockFault, lockName, LOCK_TYPE } from '../../image/lock-kinds.js';
import { ERRNO } from '../../kernel/uapi/errno.js';
import { FLOCK, FLOCK_BYTES } from '../../kernel/uapi/flock.js';
import {
  AT_FDCWD,
  F_OFD_SETLK,
  F_SETLEASE,
  F_SETLK,
  F_SETOWN,
  LOCK_EX,
  LOCK_NB,
  LOCK_SH,
  O_ACCMODE,
  O_DIRECTORY,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  O_WRONLY,
} from '../../kernel/uapi/open-flags.js';
import type { Batch } from '../../task/batch.js';
import { RemoteError } from '../../task/remote-error.js';
import type { RestoreTask } from '../context.js';
import type { Part } from '../part.js';
import type { Table } from './file-images.js';
import type { Files } from './group.js';
import { conflictAt, conflictWith } from './lock-conflicts.js';
import { ownerAndFlags, setOwner } from './owner.js';
import { place } from './place.js';

/** A lock, and whose it is. */
interface Lock {
  readonly entry: FileLockEntry;
  readonly task: RestoreTask;
  readonly table: Table;
  /** The file of its descriptor. */
  readonly id: number;
}

/**
 * Locks on files, and leases (fcntl(2), flock(2)). Each is taken by the process that has it, by its own number of the file,
 * when crit opens and closes nothing of the tree any more: closing any descriptor of a file drops the POSIX locks that a
 * process has on it, and opening a file breaks leases.
 *
 * A lease that was being broken is broken again by an open of the same file, for which /proc is needed: its directory is
 * opened before the process gets a root of its own, and used before crit's descriptors are closed. The signal was sent
 * before the dump; so that there is no second one, the description has no owner meanwhile.
 */
export function fileLocks(files: Files): Part {
  const locks = locksOf(files);
  const plain = locks.filter((lock) => !isBroken(lock));
  const broken = locks.filter(isBroken);
  const proc = broken.length > 0 ? files.reserve() : -1;
  return {
    name: 'locks on files',
    at: {
      ...(broken.length > 0 && {
        numbers: ({ table, b }) => {
          if (!broken.some((lock) => lock.table === table)) return;
          using _doing = b.doing('opening /proc/self/fd');
          place(b, b.call('openat', AT_FDCWD, '/proc/self/fd', O_PATH | O_DIRECTORY, 0), proc);
        },
        close: ({ table, b }) => {
          for (const lock of broken) if (lock.table === table) breakLease(files, lock, proc, b);
        },
      }),
      leader: ({ task, b }) => {
        const own = plain.filter((lock) => lock.task === task);
        if (own.length === 0) return;
        b.run(); // what fails from here on is a lock
        for (const lock of own)
          taking(files, lock, () => {
            take(files, lock, b);
            b.run();
          });
      },
    },
    planLines: () => (locks.length > 0 ? [`${locks.length} lock(s) on files`] : []),
  };
}

const isBroken = ({ entry: { flag, type } }: Lock): boolean =>
  flag === LOCK_KIND.LEASE && (type & LEASE_BREAKING) !== 0;

function locksOf(files: Files): Lock[] {
  const { ctx, images } = files;
  const entries = images.dir.messages('FILE_LOCKS') ?? [];
  if (!ctx.options.fileLocks && entries.length > 0) {
    ctx.log.warn(`${entries.length} lock(s) on files are left out, as --no-file-locks asks for`);
    return [];
  }
  const locks = entries.map((entry, i): Lock => {
    const bad = (what: string) =>
      new CritError(`${imageFileName('FILE_LOCKS')}: entries[${i}]${what}`, { code: 'BAD_IMAGE' });
    const fault = lockFault(entry);
    if (fault !== undefined) throw bad(`.${fault}`);
    const task = ctx.tasks.find(({ pid }) => pid === entry.pid);
    const table = task && images.tableOf.get(task);
    if (!table) throw bad(`.pid: there is no task ${entry.pid}`);
    const descriptor = table.byFd.get(entry.fd);
    if (!descriptor) throw bad(`.fd: task ${entry.pid} has no descriptor ${entry.fd}`);
    return { entry, task, table, id: descriptor.id };
  });
  for (const lock of locks) {
    const name = nameOf(files, lock);
    const holder = name === undefined ? undefined : conflictAt(ctx.lookupRoot, name, lock.entry);
    if (holder) ctx.refuse(locked(files, lock, holder));
  }
  return locks;
}

/** The name by which its file is found, if it is: a file that is made out of its ghost has no other locks. */
const nameOf = ({ images }: Files, { id }: Lock): string | undefined =>
  images.remaps.has(id) ? undefined : images.byId.get(id)?.reg?.name;

function locked(files: Files, lock: Lock, holder: string, cause?: unknown): CritError {
  const { fd, pid, flag } = lock.entry;
  const name = nameOf(files, lock) ?? `file ${lock.id}`;
  return new CritError(
    `${name} (descriptor ${fd} of task ${pid}): ${lockName(flag)} cannot be taken again: ${holder}; end that, or leave the locks out with --no-file-locks`,
    { code: 'LOCKED', ...(cause !== undefined && { cause }) },
  );
}

const IN_THE_WAY: readonly number[] = [ERRNO.EAGAIN, ERRNO.EACCES];

/** @throws CritError LOCKED, naming who is in the way */
function taking(files: Files, lock: Lock, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof RemoteError) || !IN_THE_WAY.includes(error.errno)) throw error;
    const holder = conflictWith(`/proc/${lock.task.puppet!.tid}/fd/${lock.entry.fd}`, lock.entry);
    throw locked(files, lock, holder ?? 'somebody has the file open or locked', error);
  }
}

function take(files: Files, lock: Lock, b: Batch): void {
  const { flag, type, fd } = lock.entry;
  using _doing = b.doing(`taking ${lockName(flag)} on descriptor ${fd}`);
  if (flag === LOCK_KIND.FLOCK) b.call('flock', fd, (type === LOCK_TYPE.READ ? LOCK_SH : LOCK_EX) | LOCK_NB);
  else if (flag === LOCK_KIND.LEASE) {
    b.call('fcntl', fd, F_SETLEASE, type);
    giveOwner(files, lock, b);
  } else b.call('fcntl', fd, flag === LOCK_KIND.OFD ? F_OFD_SETLK : F_SETLK, flockOf(lock.entry));
}

function flockOf({ type, start, len }: FileLockEntry): Uint8Array {
  const view = new DataView(new ArrayBuffer(FLOCK_BYTES));
  view.setInt16(FLOCK.type, type, true); // l_whence is SEEK_SET
  view.setBigInt64(FLOCK.start, start, true);
  view.setBigInt64(FLOCK.len, len, true);
  return new Uint8Array(view.buffer);
}

/** Who takes a lease owns the description's signals, unless somebody did before: the dumped owner is put back. */
function giveOwner(files: Files, { entry: { fd }, id }: Lock, b: Batch): void {
  b.call('fcntl', fd, F_SETOWN, 0);
  const told = ownerAndFlags(files.images.byId.get(id)!, files);
  if (told?.fown.pid) setOwner(b, fd, told.fown);
}

/** Takes the lease that there was, and breaks it as it was being broken. Runs the batch. */
function breakLease(files: Files, lock: Lock, proc: number, b: Batch): void {
  const { fd, type } = lock.entry;
  const toRead = (type & ~LEASE_BREAKING) === LOCK_TYPE.READ;
  const reader = ((ownerAndFlags(files.images.byId.get(lock.id)!, files)?.flags ?? 0) & O_ACCMODE) === O_RDONLY;
  using _doing = b.doing(`breaking the lease on descriptor ${fd}`);
  b.run();
  taking(files, lock, () => {
    b.call('fcntl', fd, F_SETLEASE, toRead || !reader ? LOCK_TYPE.WRITE : LOCK_TYPE.READ);
    b.call('fcntl', fd, F_SETOWN, 0);
    b.run();
  });
  const opened = b.tryCall('openat', proc, String(fd), (toRead ? O_RDONLY : O_WRONLY) | O_NONBLOCK, 0);
  giveOwner(files, lock, b);
  b.run();
  if (opened.value !== -ERRNO.EAGAIN)
    throw new CritError(
      `descriptor ${fd} of task ${lock.entry.pid}: its lease could not be broken again (${opened.value})`,
      { code: 'LOCKED' },
    );
}
