import type { FileLockEntry } from '../../image/generated/messages.js';
import { LEASE_BREAKING, LOCK_KIND, lockName, LOCK_TYPE } from '../../image/lock-kinds.js';
import { seenByTask, type Pid } from '../../image/pid.js';
import { readComm } from '../../kernel/proc/scalar-files.js';
import { readLocks, type FileLock } from '../../kernel/proc/locks.js';
import type { DumpContext, DumpTask } from '../context.js';
import { attempt } from '../resource.js';
import type { Description } from './description.js';
import { outsideHolders } from './outside-holders.js';
import { unsupported } from './unsupported.js';

/** Where locks were seen: a descriptor, of a table that may be that of several processes. */
export interface LockSeen {
  readonly task: DumpTask;
  readonly fd: number;
  readonly table: number;
  readonly file: Description;
}

/** What is known of the tables when all have been looked at. */
interface Tables {
  /** All processes of the tree. */
  readonly pids: ReadonlySet<Pid>;
  /** The processes that have a table, by its id. */
  sharersOf(table: number): readonly Pid[];
}

/** One lock, and every descriptor that shows it. */
interface Held {
  readonly lock: FileLock;
  readonly kind: number;
  readonly seen: LockSeen[];
}

const KINDS: ReadonlyMap<string, number> = new Map([
  ['POSIX', LOCK_KIND.POSIX],
  ['FLOCK', LOCK_KIND.FLOCK],
  ['OFDLCK', LOCK_KIND.OFD],
  ['LEASE', LOCK_KIND.LEASE],
]);

const TYPES: ReadonlyMap<string, number> = new Map([
  ['READ', LOCK_TYPE.READ],
  ['WRITE', LOCK_TYPE.WRITE],
  ['UNLCK', LOCK_TYPE.UNLOCK],
]);

/**
 * Locks on files, and leases. POSIX locks belong to a descriptor table and stand in the fdinfo of the description that they
 * were taken through, in that table alone; all others belong to the description, and stand wherever that is open.
 */
export class FileLocks {
  readonly #ctx: DumpContext;
  readonly #held = new Map<string, Held>();
  readonly #tables: Tables;

  constructor(ctx: DumpContext, tables: Tables) {
    this.#ctx = ctx;
    this.#tables = tables;
  }

  /** Notes the locks that a descriptor shows. @throws CritError UNSUPPORTED */
  note(seen: LockSeen, locks: readonly FileLock[]): void {
    for (const lock of locks) {
      const where = { where: `process ${seen.task.pid}, descriptor ${seen.fd}`, link: seen.file.link };
      const kind = KINDS.get(lock.kind);
      if (kind === undefined || !TYPES.has(lock.access)) throw unsupported(where, `a lock on a file (${lock.text})`);
      if (!this.#ctx.options.fileLocks)
        throw unsupported(where, `a lock on a file (${lockName(kind)})`, 'is held: use --file-locks');
      const owner = kind === LOCK_KIND.POSIX ? `table ${seen.table} ` : '';
      const key = `${owner}${seen.file.id} ${lock.text}`;
      const held = this.#held.get(key);
      if (held) held.seen.push(seen);
      else this.#held.set(key, { lock, kind, seen: [seen] });
    }
  }

  /** To be called when all tables are known. @returns the entries of filelocks.img */
  entries(): FileLockEntry[] {
    this.#refuseShared();
    this.#refuseWaitedFor();
    return [...this.#held.values()].map((held) => this.#entryOf(held));
  }

  /** Who has taken it takes it again, if that process is there and has the descriptor still. */
  #entryOf({ lock, kind, seen }: Held): FileLockEntry {
    const taker = seen.find(({ table }) => this.#tables.sharersOf(table).includes(lock.pid));
    const { task, fd } = taker ?? seen[0]!;
    const breaking = kind === LOCK_KIND.LEASE && lock.type === 'BREAKING';
    return {
      flag: kind,
      type: TYPES.get(lock.access)! | (breaking ? LEASE_BREAKING : 0),
      pid: seenByTask(taker ? lock.pid : task.pid),
      fd,
      start: lock.start,
      len: lock.end === undefined ? 0n : lock.end - lock.start + 1n,
    };
  }

  /** What somebody outside holds too can neither be given up by the tree nor taken again. */
  #refuseShared(): void {
    const ofFiles = [...this.#held.values()].filter(({ kind }) => kind !== LOCK_KIND.POSIX);
    if (ofFiles.length === 0) return;
    const outside = outsideHolders(new Set(ofFiles.map(({ seen }) => seen[0]!.file)), this.#tables.pids);
    for (const { kind, seen } of ofFiles) {
      const { file } = seen[0]!;
      const other = outside.get(file);
      if (other)
        attempt(this.#ctx.refuse, () => {
          throw unsupported(
            file,
            lockName(kind),
            `is shared with process ${other.pid} (${nameOf(other.pid)}), which is outside of the tree and has the file as descriptor ${other.fd}: end it, or dump it too`,
          );
        });
    }
  }

  /** Whoever waits outside gets the lock when the tree ends: it could not be restored. */
  #refuseWaitedFor(): void {
    const { leaveRunning, leaveStopped } = this.#ctx.options;
    if (this.#held.size === 0 || leaveRunning || leaveStopped) return;
    const waiters = new Map(readLocks().map((held) => [held.lock.text, held.waiters]));
    for (const { lock, kind, seen } of this.#held.values()) {
      const waiter = waiters.get(lock.text)?.find((pid) => !this.#tables.pids.has(pid));
      if (waiter !== undefined)
        attempt(this.#ctx.refuse, () => {
          throw unsupported(
            seen[0]!.file,
            lockName(kind),
            `is waited for by process ${waiter} (${nameOf(waiter)}), which is outside of the tree and would have it when the tree ends: end that first, or use --leave-running`,
          );
        });
    }
  }
}

function nameOf(pid: Pid): string {
  try {
    return readComm(pid);
  } catch {
    return 'it has just ended';
  }
}
