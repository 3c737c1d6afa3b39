import type { ImageDir } from '../../encode/image-dir.js';
import { imageFileName } from '../../image/catalogue.js';
import { CritError } from '../../image/errors.js';
import { descriptorFault, fileFault, typeName, type EntryFault } from '../../image/file-faults.js';
import { isFileOf, type FileField, type FileOf } from '../../image/file-kinds.js';
import { pathFault } from '../../image/file-faults.js';
import type { FdinfoEntry, FileEntry, FsEntry, RegFileEntry } from '../../image/generated/messages.js';
import { remapOf } from '../../image/remap.js';
import type { Log } from '../../image/log.js';
import type { ImagePid } from '../../image/pid.js';
import { URGENT_BYTE, USK_EXTERNAL } from '../../image/unix-sockets.js';
import { SCM_MAX_FD, SCM_RIGHTS } from '../../kernel/uapi/socket.js';
import type { RestoreTask } from '../context.js';
import { hasEnded } from '../../image/task-state.js';

/** A descriptor table and the tasks that share it, in the order of the tree. */
export interface Table {
  id: number;
  entries: readonly FdinfoEntry[];
  /** What each number refers to. */
  byFd: ReadonlyMap<number, FdinfoEntry>;
  tasks: RestoreTask[];
}

/** How a file whose name is gone is found. */
export interface Remap {
  kind: 'ghost' | 'linked';
  /** Number of the ghost's image, or id of the file that is the link. */
  target: number;
}

/** What a socket had received and not read: a message, or bytes of a stream. */
export interface Queued {
  data: Uint8Array;
  /** Ids of the files that come with it. */
  rights: readonly number[];
  /**
   * Who sent it: of a datagram of UDP the address, of a unix socket the name. Undefined where the images do not tell, or it is
   * the peer.
   */
  from?: Uint8Array | undefined;
  /** The process that sent it, where that was noted. */
  sender?: { readonly pid: ImagePid; readonly uid: number; readonly gid: number } | undefined;
  /** URGENT_BYTE */
  urgent?: number | undefined;
}

const bad = (file: string, what: string) => new CritError(`${file}: ${what}`, { code: 'BAD_IMAGE' });
const badEntry = (file: string, i: number, { field, text }: EntryFault) =>
  bad(file, `entries[${i}]${field === undefined ? '' : `.${field}`}: ${text}`);

/** The images about descriptors and files, read and checked against each other; nothing is started or opened. */
export class FileImages {
  readonly dir: ImageDir;
  readonly byId = new Map<number, FileEntry>();
  /** Paths of files of another kind, which have the same id: of /dev/net/tun. */
  readonly paths = new Map<number, RegFileEntry>();
  readonly tables: Table[] = [];
  readonly tableOf = new Map<RestoreTask, Table>();
  readonly fs = new Map<RestoreTask, FsEntry>();
  readonly remaps = new Map<number, Remap>();
  /** By the id of the socket that has received it. */
  readonly queues = new Map<number, Queued[]>();
  /** Tables that have no image, and the task that has each. */
  readonly absent: { id: number; pid: ImagePid }[] = [];
  /** Ids that descriptors refer to, or messages in queues. */
  readonly used = new Set<number>();

  constructor(dir: ImageDir, tasks: readonly RestoreTask[]) {
    this.dir = dir;
    this.#readFiles();
    for (const task of tasks) {
      if (hasEnded(task.cores[0]?.tc?.task_state)) continue;
      this.#readTable(task);
      this.#readFs(task);
    }
    this.#readQueues();
    this.#readRemaps();
  }

  #readFiles(): void {
    const name = imageFileName('FILES');
    this.dir.read('FILES').entries.forEach(({ message: entry }, i) => {
      const known = this.byId.get(entry.id);
      const [tunf, path] = entry.tunf ? [entry, known] : [known, entry];
      const isPath = tunf?.tunf !== undefined && path?.reg !== undefined && !this.paths.has(entry.id);
      const fault = fileFault(entry, isPath ? this.paths : this.byId);
      if (fault) throw badEntry(name, i, fault);
      if (isPath) this.paths.set(entry.id, path.reg!);
      this.byId.set(entry.id, isPath ? tunf : entry);
    });
  }

  #readTable(task: RestoreTask): void {
    const id = task.ids?.files_id ?? task.pid;
    const known = this.tables.find((table) => table.id === id);
    if (known) {
      known.tasks.push(task);
      this.tableOf.set(task, known);
      return;
    }
    const name = imageFileName('FDINFO', id);
    const byFd = new Map<number, FdinfoEntry>();
    const image = this.dir.messages('FDINFO', id);
    // CRIU writes none for a task without descriptors, and does not say that there were none
    if (!image && task.ids?.descriptors !== 0) {
      if (task.ids?.descriptors !== undefined) throw this.#lost(id, `task ${task.pid} had ${task.ids.descriptors}`);
      this.absent.push({ id, pid: task.pid });
    }
    const entries = (image ?? []).map((entry, i) => {
      const fault = descriptorFault(entry, byFd, this.byId.get(entry.id));
      if (fault) throw badEntry(name, i, fault);
      byFd.set(entry.fd, entry);
      this.used.add(entry.id);
      return entry;
    });
    const table = { id, entries, byFd, tasks: [task] };
    this.tables.push(table);
    this.tableOf.set(task, table);
  }

  #lost(table: number, why: string): CritError {
    return new CritError(`${this.dir.file('FDINFO', table)}: there is no such file, but ${why}: the set is not whole`, {
      code: 'MISSING_IMAGE',
    });
  }

  /**
   * Whether tables without an image can have been empty: not while there are files that nothing refers to.
   * @param mapped ids of files that mappings and programs refer to @throws CritError MISSING_IMAGE
   */
  checkAbsent(mapped: ReadonlySet<number>, log: Log): void {
    if (this.absent.length === 0) return;
    const referred = new Set([...this.used, ...mapped]);
    for (const { cwd_id, root_id } of this.fs.values()) referred.add(cwd_id).add(root_id);
    for (const { kind, target } of this.remaps.values()) if (kind === 'linked') referred.add(target);
    for (const { fifo } of this.byId.values()) if (fifo?.regf_id) referred.add(fifo.regf_id);
    const stray = [...this.byId.values()].find(
      ({ id, usk }) => !referred.has(id) && !((usk?.uflags ?? 0) & USK_EXTERNAL),
    );
    for (const { id, pid } of this.absent) {
      if (stray)
        throw this.#lost(id, `file ${stray.id} of ${imageFileName('FILES')} (${typeName(stray.type)}) is in no table`);
      log.warn(
        `there is no ${imageFileName('FDINFO', id)}: task ${pid} comes back without descriptors, as CRIU would have it`,
      );
    }
  }

  #readFs(task: RestoreTask): void {
    const name = imageFileName('FS', task.pid);
    const entry = this.dir.read('FS', task.pid).entries[0]?.message;
    if (!entry) throw bad(name, 'there is no entry');
    this.regular(entry.cwd_id, `${name}: entries[0].cwd_id`);
    this.regular(entry.root_id, `${name}: entries[0].root_id`);
    this.fs.set(task, entry);
  }

  #readQueues(): void {
    const name = imageFileName('SK_QUEUES');
    this.dir.readIfPresent('SK_QUEUES')?.entries.forEach(({ message, extra }, i) => {
      const rights = (message.scm ?? []).flatMap(({ type, rights = [] }, k) => {
        if (type !== SCM_RIGHTS)
          throw new CritError(`${name}: entries[${i}].scm[${k}]: control data of type ${type}: not supported`, {
            code: 'UNSUPPORTED',
          });
        return rights;
      });
      if (rights.length > SCM_MAX_FD)
        throw bad(name, `entries[${i}].scm: ${rights.length} files with one message: ${SCM_MAX_FD} are the most`);
      for (const id of rights) {
        if (!this.byId.has(id))
          throw bad(name, `entries[${i}].scm: there is no file ${id} in ${imageFileName('FILES')}`);
        this.used.add(id);
      }
      const queue = this.queues.get(message.id_for) ?? [];
      this.queues.set(message.id_for, queue);
      const { from = message.sender, sender_pid: pid, sender_uid: uid = 0, sender_gid: gid = 0, urgent } = message;
      if (urgent && (extra?.length ?? 0) !== (urgent === URGENT_BYTE.read ? 0 : 1))
        throw bad(name, `entries[${i}].urgent: ${urgent} of ${extra?.length ?? 0} bytes`);
      const sender = pid === undefined ? undefined : { pid, uid, gid };
      queue.push({ data: extra ?? new Uint8Array(0), rights, from, sender, urgent });
    });
  }

  #readRemaps(): void {
    const name = imageFileName('REMAP_FPATH');
    this.dir.messages('REMAP_FPATH')?.forEach((entry, i) => {
      this.regular(entry.orig_id, `${name}: entries[${i}].orig_id`);
      const remap = remapOf(entry);
      if (remap?.kind === 'linked') this.regular(remap.target, `${name}: entries[${i}].remap_id`);
      if (remap?.kind !== 'linked' && remap?.kind !== 'ghost')
        throw new CritError(`${name}: entries[${i}]: a file of a process that had ended is not supported yet`, {
          code: 'UNSUPPORTED',
        });
      this.remaps.set(entry.orig_id, { kind: remap.kind, target: remap.target });
    });
  }

  /** The reg_file_entry with an id. @throws CritError BAD_IMAGE, beginning with `where` */
  regular(id: number, where: string): NonNullable<FileEntry['reg']> {
    const entry = this.byId.get(id);
    if (!entry?.reg)
      throw new CritError(
        entry
          ? `${where}: file ${id} is a ${typeName(entry.type)}, not a regular file entry`
          : `${where}: there is no file ${id} in ${imageFileName('FILES')}`,
        { code: 'BAD_IMAGE' },
      );
    const fault = pathFault(entry.reg);
    if (fault !== undefined) throw bad(imageFileName('FILES'), `file ${id}: ${fault}`);
    return entry.reg;
  }

  /** All entries of a kind that descriptors or messages refer to. */
  usedOf<F extends FileField>(field: F): FileOf<F>[] {
    return [...this.byId.values()].filter((entry) => isFileOf(entry, field)).filter(({ id }) => this.used.has(id));
  }

  /** The first entry of a type that a descriptor or message refers to. */
  firstUsed(type: number): FileEntry | undefined {
    return [...this.byId.values()].find((entry) => entry.type === type && this.used.has(entry.id));
  }

  /** The first table that refers to a file, and under which number; undefined for one that is only in flight. */
  holder(id: number): { table: Table; fd: number } | undefined {
    for (const table of this.tables) {
      const entry = table.entries.find((e) => e.id === id);
      if (entry) return { table, fd: entry.fd };
    }
    return undefined;
  }
}
