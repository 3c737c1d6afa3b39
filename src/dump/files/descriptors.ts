import { closeSync } from 'node:fs';
import { CritError } from '../../image/errors.js';
import { FdTypes, type FdinfoEntry } from '../../image/generated/messages.js';
import { fdLocks } from '../../kernel/proc/fdinfo.js';
import type { FileLock } from '../../kernel/proc/locks.js';
import { readFds } from '../../kernel/proc/fd-links.js';
import { KCMP_FILE, KCMP_FILES } from '../../kernel/uapi/kcmp.js';
import { F_GETFD, FD_CLOEXEC } from '../../kernel/uapi/open-flags.js';
import { sys, sysRaw } from '../../native/sys.js';
import type { Batch } from '../../task/batch.js';
import { FIRST_ID, type DumpContext, type DumpTask } from '../context.js';
import { attempt } from '../resource.js';
import type { Description } from './description.js';
import { DescriptorReader, type LookedAt } from './descriptor-reader.js';
import type { FdRanks } from './fd-ranks.js';
import type { LockSeen } from './file-locks.js';
import { KernelOrder, sameObject } from './kernel-order.js';
import { unsupported } from './unsupported.js';

/** Names of files that are there while a process is. */
const OF_PROCESS = /^\/proc\/\d/;

/** A descriptor table, and what is in it. */
interface Table {
  readonly id: number;
  readonly pid: number;
  readonly byFd: Map<number, Description>;
  readonly entries: FdinfoEntry[];
}

/** Is told of the locks that a descriptor shows, if there are any. @throws CritError UNSUPPORTED */
export type Locked = (seen: LockSeen, locks: readonly FileLock[]) => void;

/** Is told of each description that was not known. @returns its type (FdTypes) @throws CritError UNSUPPORTED */
export type Describe = (file: Description) => number;

/**
 * The descriptor tables of the tree, and the open file descriptions behind them, however many descriptors refer to one.
 *
 * Cost: 9 system calls of crit's a descriptor and two kcmp where many are alike, which were sorted before the stop
 * (log2(n) kcmp where they were not); 4 calls for one that the parent process has too.
 */
export class Descriptors implements Disposable {
  readonly #ctx: DumpContext;
  readonly #fdRanks: FdRanks;
  readonly #newId: () => number;
  readonly #describe: Describe;
  readonly #locked: Locked;
  readonly #readers = new Map<number, DescriptorReader>();
  readonly #all: Description[] = [];
  readonly #types = new Map<Description, number>();
  /** crit's own descriptors of descriptions that are only in flight. */
  readonly #caught: number[] = [];
  readonly #alike = new Map<string, KernelOrder<Description>>();
  readonly #tables = new Map<number, Table>();
  readonly #tableOrder = new KernelOrder<Table>(sameObject(KCMP_FILES));

  /** @param ranks what is known of the order of descriptors */
  constructor(ctx: DumpContext, ranks: FdRanks, newId: () => number, describe: Describe, locked: Locked) {
    this.#ctx = ctx;
    this.#fdRanks = ranks;
    this.#newId = newId;
    this.#describe = describe;
    this.#locked = locked;
  }

  /** All descriptions of the tree, by id. */
  get all(): readonly Description[] {
    return this.#all;
  }

  /** The tables, each once. */
  get tables(): ReadonlySet<Pick<Table, 'id' | 'entries'>> {
    return new Set(this.#tables.values());
  }

  /** The processes that have been looked at. */
  get pids(): ReadonlySet<number> {
    return new Set(this.#tables.keys());
  }

  /** The processes that have a table. */
  sharersOf(id: number): number[] {
    return [...this.#tables].flatMap(([pid, table]) => (table.id === id ? [pid] : []));
  }

  /** The table that a process has. */
  tableOf(pid: number): Pick<Table, 'id' | 'entries' | 'byFd'> {
    return this.#tables.get(pid)!;
  }

  /** @throws CritError UNSUPPORTED naming process, descriptor and kind */
  look(task: DumpTask): void {
    attempt(this.#ctx.refuse, () => {
      refuseOwnTables(task);
    });
    const { pid } = task;
    const table: Table = { id: FIRST_ID + this.tables.size, pid, byFd: new Map(), entries: [] };
    const known = this.#tableOrder.findOrAdd(table);
    this.#tables.set(pid, known ?? table);
    if (known) return;
    // what was inherited by fork mostly stands under the same number in the parent
    const parent = this.#tables.get(task.frozen.ppid);
    for (const looked of this.#look(this.#reader(pid), readFds(pid), parent?.pid))
      attempt(this.#ctx.refuse, () => {
        this.#add(task, table, parent, looked);
      });
  }

  /** The slave that TIOCGPTPEER opened with O_CLOEXEC shows that for each of its descriptors: only its process knows. */
  ask({ pid }: DumpTask, b: Batch): () => void {
    const table = this.#tables.get(pid);
    const asked = (table?.pid === pid ? table.entries : [])
      .filter(({ type, flags }) => type === FdTypes.TTY && flags & FD_CLOEXEC)
      .map((entry) => ({ entry, flags: b.tryCall('fcntl', entry.fd, F_GETFD) }));
    return () => {
      for (const { entry, flags } of asked) entry.flags = flags.value & FD_CLOEXEC;
    };
  }

  #reader(pid: number): DescriptorReader {
    let reader = this.#readers.get(pid);
    if (!reader) this.#readers.set(pid, (reader = new DescriptorReader(pid)));
    return reader;
  }

  /** Looks at descriptors; at each for itself where they may be closed meanwhile. */
  *#look(reader: DescriptorReader, fds: readonly number[], other: number | undefined): Generator<LookedAt> {
    if (!this.#ctx.running) {
      yield* reader.look(fds, other);
      return;
    }
    for (const fd of fds) {
      let looked: LookedAt | undefined;
      attempt(this.#ctx.refuse, () => {
        [looked] = reader.look([fd], other);
      });
      if (looked) yield looked;
    }
  }

  #add(task: DumpTask, table: Table, parent: Table | undefined, { fd, info, inherited, target }: LookedAt): void {
    const { pid } = task;
    const where = `process ${pid}, descriptor ${fd}`;
    const file = inherited
      ? parent!.byFd.get(fd)
      : this.#identify({ task, fd, inFlight: false, at: { pid, fd }, where, info, ...target() });
    if (!file) return; // told of for the parent
    table.byFd.set(fd, file);
    table.entries.push({
      id: file.id,
      flags: info.cloexec ? FD_CLOEXEC : 0,
      type: this.#types.get(file)!,
      fd,
    });
    if (info.lines.length > 0) this.#locked({ task, fd, table: table.id, file }, fdLocks(info));
  }

  /** The description behind a descriptor: one that is known, or a new one. */
  #identify(found: Omit<Description, 'id'>): Description {
    const { stat, info } = found;
    const key = `${stat.dev}:${stat.ino}:${info.pos}:${info.flags}`;
    let alike = this.#alike.get(key);
    if (!alike)
      this.#alike.set(
        key,
        (alike = new KernelOrder<Description>(({ at: a }, { at: b }) =>
          sysRaw('kcmp', a.pid, b.pid, KCMP_FILE, a.fd, b.fd),
        )),
      );
    const file = { id: 0, ...found };
    const known = alike.findOrAdd(file, this.#fdRanks.of(file.at.pid, file.at.fd));
    if (known) return known;
    file.id = this.#newId();
    this.#all.push(file);
    this.#types.set(file, this.#describe(file));
    return file;
  }

  /**
   * The id of what was in flight in the queue of a socket: of a description that is open in the tree too, or of a new one.
   * @param own crit's own descriptor of it, taken over
   * @throws CritError UNSUPPORTED
   */
  inFlight(socket: Description, own: number): number {
    this.#caught.push(own);
    const [looked] = [...this.#reader(process.pid).look([own], undefined)];
    const { info, target } = looked!;
    const where = `${socket.where}, in flight in its queue`;
    const { link, ...rest } = target();
    // restore fills queues before there are processes
    if (OF_PROCESS.test(link)) throw unsupported({ where, link }, 'a file of a process in /proc');
    const file = this.#identify({
      task: socket.task,
      fd: socket.fd,
      inFlight: true,
      at: { pid: process.pid, fd: own },
      where,
      info,
      link,
      ...rest,
    });
    if (file.inFlight && fdLocks(info).length > 0) throw unsupported(file, 'a lock on a file');
    if (file.at.fd !== own || !file.inFlight) {
      this.#caught.pop();
      closeSync(own);
    }
    return file.id;
  }

  /** crit's own descriptor of a description; the caller closes it. */
  take({ at }: Description): number {
    return this.#reader(at.pid).take(at.fd);
  }

  /** The same, closed after the call. */
  use<T>({ at }: Description, work: (fd: number) => T): T {
    return this.#reader(at.pid).use(at.fd, work);
  }

  /** Lets go of what was in flight: the tree must not find ends of its pipes and sockets open that it has closed. */
  letGo(): void {
    for (const fd of this.#caught.splice(0)) closeSync(fd);
  }

  [Symbol.dispose](): void {
    this.letGo();
    for (const reader of this.#readers.values()) reader[Symbol.dispose]();
    this.#readers.clear();
  }
}

/** A table that only one thread of a process has cannot be told in the images. */
function refuseOwnTables({ pid, tids }: DumpTask): void {
  for (const tid of tids.slice(1))
    if (sys('kcmp', pid, tid, KCMP_FILES, 0, 0) > 0)
      throw new CritError(`process ${pid}, thread ${tid}: it has a descriptor table of its own: not supported`, {
        code: 'UNSUPPORTED',
      });
}
