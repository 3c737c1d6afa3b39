import { closeSync, openSync } from 'node:fs';
import type { ImageType } from '../../image/catalogue.js';
import { CritError } from '../../image/errors.js';
import { FdTypes, type FdinfoEntry, type FileEntry, type FownEntry } from '../../image/generated/messages.js';
import { fdLocks } from '../../kernel/proc/fdinfo.js';
import { readFds } from '../../kernel/proc/fd-links.js';
import { KCMP_FILE, KCMP_FILES, KCMP_FS } from '../../kernel/uapi/kcmp.js';
import { mapFilesName, type MapEntry } from '../../kernel/proc/maps.js';
import { FD_CLOEXEC, O_ACCMODE, O_PATH, O_RDONLY } from '../../kernel/uapi/open-flags.js';
import { devMajor, devMinor, S_IFCHR, S_IFMT, S_IFREG } from '../../kernel/uapi/stat.js';
import { sys, sysRaw } from '../../native/sys.js';
import type { DumpContext, DumpTask, OutEntry } from '../context.js';
import type { MappedFile } from '../vmas.js';
import { buildIdOf } from './build-ids.js';
import type { Description } from './description.js';
import type { FdRanks } from './fd-ranks.js';
import { DescriptorReader, type LookedAt } from './descriptor-reader.js';
import { readLink, statPath, type FileStat } from './file-stat.js';
import type { Files } from './files.js';
import { KernelOrder, sameObject } from './kernel-order.js';
import { kindOf } from './kinds.js';
import { memfdName, SharedMemoryObjects } from './memfd.js';
import { hugeFlagOf, isMemoryObject } from '../memory-objects.js';
import { Names } from './names.js';
import type { OpenFile } from './open-file.js';
import { NO_OWNER } from './owner.js';
import { hasFixedContent, regularFile } from './regular-entry.js';
import { peersFirst } from './unix.js';
import { unsupported } from './unsupported.js';

/** Ids of tables and contexts begin behind those that stand for crit's own (ids.ts). */
const FIRST_ID = 2;
/** Major number of /dev/null and /dev/zero, the devices that may be mapped. */
const MEM_MAJOR = 1;
/** Names of files that are there while a process is. */
const OF_PROCESS = /^\/proc\/\d/;

interface Table {
  id: number;
  pid: number;
  byFd: Map<number, Description>;
  entries: FdinfoEntry[];
}

interface Context {
  id: number;
  pid: number;
  cwd: number;
  root: number;
}

/**
 * The descriptors of the tree, and its places in file systems. Everything is asked from outside, while the tree stands:
 * /proc, pidfd_getfd(2) and kcmp(2).
 *
 * Cost: 9 system calls of crit's a descriptor and two kcmp where many are alike, which were
 * sorted before the stop (log2(n) kcmp where they were not); 4 calls for one that the parent process
 * has too.
 */
export class DumpFiles implements Disposable {
  readonly #ctx: DumpContext;
  readonly #fdRanks: FdRanks;
  #nextId = 1;
  readonly #files: FileEntry[] = [];
  readonly #images = new Map<ImageType, OutEntry[]>();
  readonly #names: Names;
  readonly #memory = new SharedMemoryObjects();
  readonly #readers = new Map<number, DescriptorReader>();
  readonly #descriptions: Description[] = [];
  /** crit's own descriptors of descriptions that are only in flight. */
  readonly #caught: number[] = [];
  readonly #byKey = new Map<string, KernelOrder<Description>>();
  readonly #tables = new Map<number, Table>();
  readonly #tableOrder = new KernelOrder<Table>(sameObject(KCMP_FILES));
  readonly #contexts = new Map<number, Context>();
  readonly #contextOrder = new KernelOrder<Context>(sameObject(KCMP_FS));
  /** Ids of files that mappings, exe links and directories refer to. */
  readonly #special = new Map<string, MappedFile>();
  readonly #once = new Set<string>();
  readonly #whenListed: (() => void)[] = [];
  readonly #whenKnown: (() => void)[] = [];
  readonly #finally: (() => void)[] = [];
  readonly #sink: Files;

  /** @param ranks what is known of the order of descriptors */
  constructor(ctx: DumpContext, ranks: FdRanks) {
    this.#ctx = ctx;
    this.#fdRanks = ranks;
    const newId = () => this.#nextId++;
    const add = (entry: FileEntry) => {
      this.#files.push(entry);
    };
    this.#names = new Names(ctx, newId, add, (message) => {
      this.#put('REMAP_FPATH', { message });
    });
    this.#sink = {
      ctx,
      newId,
      add,
      put: (type, entry) => {
        this.#put(type, entry);
      },
      nameOf: (id, file) => this.#names.nameOf(id, file),
      buildIdOf: (file, flags) => this.#buildIdOf(file, flags),
      addRegular: (file, flags, pos, fown) => this.#addRegular(file, flags, pos, fown),
      memfdInode: (name, stat, fd) => this.#memory.add(name, stat, fd),
      take: (file) => this.#reader(file.at.pid).take(file.at.fd),
      use: (file, work) => this.#reader(file.at.pid).use(file.at.fd, work),
      inFlight: (socket, own) => this.#inFlight(socket, own),
      tableOf: (file) => this.#tables.get(file.task.pid)!.byFd,
      descriptions: this.#descriptions,
      once: (key) => this.#once.has(key) || !this.#once.add(key),
      // what lies in queues is seen only where crit may touch their sockets
      whenListed: (action) => {
        if (!ctx.refuse) this.#whenListed.push(action);
      },
      whenKnown: (action) => this.#whenKnown.push(action),
      finally: (action) => this.#finally.push(action),
    };
  }

  /**
   * All descriptors of a process, its current directory, root and umask.
   * @throws CritError UNSUPPORTED naming process, descriptor and kind
   */
  addTask(task: DumpTask): void {
    this.#attempt(() => {
      this.#checkThreads(task);
    });
    this.#addTable(task);
    this.#attempt(() => {
      this.#addContext(task);
    });
  }

  /** Does something that may be refused: in a survey that is told, and the rest is looked at too. */
  #attempt(work: () => void): void {
    const { refuse } = this.#ctx;
    if (!refuse) {
      work();
      return;
    }
    try {
      work();
    } catch (error) {
      refuse(error);
    }
  }

  /** Looks at descriptors; at each for itself where they may be closed meanwhile. */
  *#look(reader: DescriptorReader, fds: readonly number[], other: number | undefined): Generator<LookedAt> {
    if (!this.#ctx.refuse) {
      yield* reader.look(fds, other);
      return;
    }
    for (const fd of fds) {
      let looked: LookedAt | undefined;
      this.#attempt(() => {
        [looked] = reader.look([fd], other);
      });
      if (looked) yield looked;
    }
  }

  /** A table or context that only one thread of a process has cannot be told in the images. */
  #checkThreads(task: DumpTask): void {
    for (const tid of task.tids.slice(1))
      for (const [type, what] of [
        [KCMP_FILES, 'descriptor table'],
        [KCMP_FS, 'current directory, root and umask'],
      ] as const)
        if (sys('kcmp', task.pid, tid, type, 0, 0) > 0)
          throw new CritError(`process ${task.pid}, thread ${tid}: it has a ${what} of its own: not supported`, {
            code: 'UNSUPPORTED',
          });
  }

  #reader(pid: number): DescriptorReader {
    let reader = this.#readers.get(pid);
    if (!reader) this.#readers.set(pid, (reader = new DescriptorReader(pid)));
    return reader;
  }

  #addTable(task: DumpTask): void {
    const { pid } = task;
    const table: Table = { id: FIRST_ID + this.#distinct(this.#tables), pid, byFd: new Map(), entries: [] };
    const known = this.#tableOrder.findOrAdd(table);
    this.#tables.set(pid, known ?? table);
    if (known) return;
    // what was inherited by fork mostly stands under the same number in the parent
    const parent = this.#tables.get(task.frozen.ppid);
    const reader = this.#reader(pid);
    for (const looked of this.#look(reader, readFds(pid), parent?.pid))
      this.#attempt(() => {
        this.#addFd(task, table, parent, looked);
      });
  }

  #addFd(task: DumpTask, table: Table, parent: Table | undefined, { fd, info, inherited, target }: LookedAt): void {
    const { pid } = task;
    const where = `process ${pid}, descriptor ${fd}`;
    if (info.lines.length > 0 && fdLocks(info).length > 0)
      throw unsupported({ where, link: readLink(`/proc/${pid}/fd/${fd}`) }, 'a lock on a file');
    const file = inherited
      ? parent!.byFd.get(fd)
      : this.#describe({ task, fd, inFlight: false, at: { pid, fd }, where, info, ...target() });
    if (!file) return; // told of for the parent
    table.byFd.set(fd, file);
    table.entries.push({
      id: file.id,
      flags: info.cloexec ? FD_CLOEXEC : 0,
      type: this.#types.get(file)!,
      fd,
    });
  }
  readonly #types = new Map<Description, number>();

  #distinct(map: ReadonlyMap<number, unknown>): number {
    return new Set(map.values()).size;
  }

  /** The description behind a descriptor: one that is known, or a new one. */
  #describe(found: Omit<Description, 'id'>): Description {
    const { stat, info } = found;
    const key = `${stat.dev}:${stat.ino}:${info.pos}:${info.flags}`;
    let alike = this.#byKey.get(key);
    if (!alike)
      this.#byKey.set(
        key,
        (alike = new KernelOrder<Description>(({ at: a }, { at: b }) =>
          sysRaw('kcmp', a.pid, b.pid, KCMP_FILE, a.fd, b.fd),
        )),
      );
    const file: Description = { id: this.#nextId, ...found };
    const known = alike.findOrAdd(file, this.#fdRanks.of(file.at.pid, file.at.fd));
    if (known) return known;
    this.#nextId++;
    const kind = kindOf(file);
    this.#types.set(file, kind.type);
    this.#descriptions.push(file);
    const entry: FileEntry = { type: kind.type, id: file.id };
    this.#files.push(entry);
    Object.assign(entry, kind.describe(file, this.#sink));
    return file;
  }

  /** The id of what was in flight: of a description that is open in the tree too, or of a new one. */
  #inFlight(socket: Description, own: number): number {
    this.#caught.push(own);
    const [looked] = [...this.#reader(process.pid).look([own], undefined)];
    const { info, target } = looked!;
    const where = `${socket.where}, in flight in its queue`;
    const { link, ...rest } = target();
    if (fdLocks(info).length > 0) throw unsupported({ where, link }, 'a lock on a file');
    // restore fills queues before there are processes
    if (OF_PROCESS.test(link)) throw unsupported({ where, link }, 'a file of a process in /proc');
    const file = this.#describe({
      task: socket.task,
      fd: socket.fd,
      inFlight: true,
      at: { pid: process.pid, fd: own },
      where,
      info,
      link,
      ...rest,
    });
    if (file.at.fd !== own || !file.inFlight) {
      this.#caught.pop();
      closeSync(own);
    }
    return file.id;
  }

  #letGo(): void {
    for (const fd of this.#caught.splice(0)) closeSync(fd);
  }

  #addRegular(file: OpenFile, flags: number, pos: bigint, fown: FownEntry): number {
    const id = this.#nextId++;
    const name = this.#names.nameOf(id, file);
    const buildId = this.#buildIdOf(file, flags);
    this.#files.push(regularFile({ id, name, stat: file.stat, flags, pos, fown, buildId }));
    return id;
  }

  #buildIdOf(file: OpenFile, flags: number): readonly number[] | undefined {
    if (this.#ctx.options.fileValidation !== 'buildid' || !hasFixedContent(file.stat, flags)) return undefined;
    return buildIdOf(file);
  }

  /** The id of a file that is named by a link of /proc. */
  #fileOfLink(path: string, where: string): MappedFile {
    const stat = statPath(path);
    const link = readLink(path);
    if (!stat) throw new CritError(`${where} (${link}): it is gone`, { code: 'UNSUPPORTED' });
    const key = `${stat.dev}:${stat.ino}:${link}`;
    let known = this.#special.get(key);
    if (!known) {
      const reg = (stat.mode & S_IFMT) === S_IFREG;
      const file = { link, stat, where, open: () => openSync(path, reg ? 'r' : O_PATH) };
      // a program may have been started from a memfd
      if (isMemoryObject(stat))
        known = { id: this.#mappedMemfd(link, stat, path), memfd: true, hugeFlag: hugeFlagOf(stat) };
      else known = { id: this.#addRegular(file, 0, 0n, NO_OWNER), memfd: false, hugeFlag: 0 };
      this.#special.set(key, known);
    }
    return known;
  }

  #addContext(task: DumpTask): void {
    const { pid } = task;
    const context: Context = { id: FIRST_ID + this.#distinct(this.#contexts), pid, cwd: 0, root: 0 };
    const known = this.#contextOrder.findOrAdd(context);
    this.#contexts.set(pid, known ?? context);
    if (!known) {
      context.cwd = this.#fileOfLink(`/proc/${pid}/cwd`, `process ${pid}, current directory`).id;
      context.root = this.#fileOfLink(`/proc/${pid}/root`, `process ${pid}, root directory`).id;
    }
    const { cwd, root } = known ?? context;
    const { umask } = task.status;
    this.#ctx.write('FS', pid, [
      { message: { cwd_id: cwd, root_id: root, ...(umask === undefined ? {} : { umask }) } },
    ]);
  }

  /**
   * The file of a mapping. A shared anonymous mapping is a memfd to the images.
   * @returns its id, for vma_entry.shmid
   */
  addMappedFile(task: DumpTask, map: MapEntry): MappedFile {
    const name = map.path + (map.deleted ? ' (deleted)' : '');
    const key = `${map.devMajor}:${map.devMinor}:${map.inode}:${name}`;
    const known = this.#special.get(key);
    if (known) return known;
    const where = `process ${task.pid}, mapping ${mapFilesName(map)}`;
    const path = `/proc/${task.pid}/map_files/${mapFilesName(map)}`;
    const stat = statPath(path);
    if (!stat) throw new CritError(`${where} (${name}): its file is out of reach`, { code: 'UNSUPPORTED' });
    if ((stat.mode & S_IFMT) === S_IFCHR && devMajor(stat.rdev) !== MEM_MAJOR)
      throw new CritError(
        `${where} (${name}): a mapping of a character device (${devMajor(stat.rdev)}:${devMinor(stat.rdev)}) is not supported`,
        { code: 'UNSUPPORTED' },
      );
    const found = this.#fileOfLink(path, where);
    this.#special.set(key, found);
    return found;
  }

  #mappedMemfd(name: string, stat: FileStat, path: string): number {
    const fd = openSync(path, 'r');
    try {
      const id = this.#nextId++;
      const inode_id = this.#memory.add(memfdName(name), stat, fd);
      this.#files.push({
        type: FdTypes.MEMFD,
        id,
        memfd: { id, flags: 0, pos: 0n, fown: NO_OWNER, inode_id },
      });
      return id;
    } finally {
      closeSync(fd);
    }
  }

  /** The program that a process runs. @returns its id, for mm_entry.exe_file_id */
  addExe(task: DumpTask): number {
    return this.#fileOfLink(`/proc/${task.pid}/exe`, `process ${task.pid}, program`).id;
  }

  /** Finds out what needs all processes to be known. @throws CritError UNSUPPORTED */
  allKnown(): void {
    for (let action; (action = this.#whenListed.shift());) action();
    for (const action of this.#whenKnown.splice(0)) this.#attempt(action);
  }

  idsOf(task: DumpTask): { files_id: number; fs_id: number; descriptors: number } {
    const { id, entries } = this.#tables.get(task.pid)!;
    return { files_id: id, fs_id: this.#contexts.get(task.pid)!.id, descriptors: entries.length };
  }

  #put(type: ImageType, entry: OutEntry): void {
    const entries = this.#images.get(type);
    if (entries) entries.push(entry);
    else this.#images.set(type, [entry]);
  }

  /** Writes every image about files, while the tree still stands. */
  finish(): void {
    this.allKnown();
    for (const action of this.#finally) action();
    this.#memory.write(this.#ctx, (message) => {
      this.#put('MEMFD_INODE', { message });
    });
    // the tree must not find ends of its pipes and sockets open that it has closed
    this.#letGo();
    this.#names.ghosts.write();
    for (const table of new Set(this.#tables.values()))
      this.#ctx.write(
        'FDINFO',
        table.id,
        table.entries.map((message) => ({ message })),
      );
    this.#ctx.write(
      'FILES',
      undefined,
      peersFirst(this.#files).map((message) => ({ message })),
    );
    for (const [type, entries] of this.#images) this.#ctx.write(type, undefined, entries);
    this.#ctx.log.debug(
      `${this.#descriptions.length} open files, ${new Set(this.#tables.values()).size} descriptor tables`,
    );
  }

  /** Links that were made for files whose names are gone stay for the restore; without this they are removed again. */
  keepLinks(): void {
    this.#names.keepLinks();
    if (this.#ctx.options.leaveRunning) this.#warnOfWriters();
  }

  /** A tree that runs on may change what a restore compares. */
  #warnOfWriters(): void {
    const written = this.#descriptions.filter(
      ({ stat, info, link }) =>
        hasFixedContent(stat, info.flags) &&
        (info.flags & O_ACCMODE) !== O_RDONLY &&
        !(info.flags & O_PATH) &&
        stat.nlink > 0 &&
        link.startsWith('/') &&
        !isMemoryObject(stat),
    );
    const names = [...new Set(written.map(({ link }) => link))];
    if (names.length === 0) return;
    const some = names.slice(0, 3).join(', ') + (names.length > 3 ? `, and ${names.length - 3} more` : '');
    this.#ctx.log.warn(
      `the tree runs on and has files open for writing (${some}): a restore refuses those whose size has changed by then, or that are gone; --file-validation none lets it take changed ones`,
    );
  }

  [Symbol.dispose](): void {
    this.#names[Symbol.dispose]();
    this.#memory[Symbol.dispose]();
    this.#letGo();
    for (const reader of this.#readers.values()) reader[Symbol.dispose]();
    this.#readers.clear();
  }
}
