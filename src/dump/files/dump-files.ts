import type { Pid } from '../../image/pid.js';
import type { ImageType } from '../../image/catalogue.js';
import { externalFile } from '../../image/external.js';
import { FdTypes, type FileEntry, type FownEntry, type RegFileEntry } from '../../image/generated/messages.js';
import { O_ACCMODE, O_PATH, O_RDONLY } from '../../kernel/uapi/open-flags.js';
import type { Batch } from '../../task/batch.js';
import type { DumpContext, DumpTask } from '../context.js';
import type { OutEntry } from '../image-sink.js';
import type { KernelMemory } from '../kernel-memory.js';
import { isMemoryObject } from '../memory-objects.js';
import { attempt, type Resource, type TreeView } from '../resource.js';
import type { BuildIds } from './build-ids.js';
import type { Description } from './description.js';
import { Descriptors } from './descriptors.js';
import type { FdRanks } from './fd-ranks.js';
import { FileLocks } from './file-locks.js';
import type { FileStat } from './file-stat.js';
import type { Files } from './files.js';
import { Kinds } from './kinds.js';
import { SharedMemoryObjects } from './memfd.js';
import { Names } from './names.js';
import { NamelessFiles } from './nameless-files.js';
import type { OpenFile } from './open-file.js';
import { TcpConnections } from './tcp-connections.js';
import { hasFixedContent, regularEntry } from './regular-entry.js';

/** What was found out before the stop. */
interface Ahead {
  readonly fdRanks: FdRanks;
  readonly buildIds: BuildIds;
  kernel(): KernelMemory | string;
}

/**
 * The open files of the tree: descriptor tables, files.img, and what the kinds of files have images for. Everything is
 * asked from outside, while the tree stands: /proc, pidfd_getfd(2) and kcmp(2).
 */
export class DumpFiles implements Files, Resource {
  readonly name = 'files';
  readonly ctx: DumpContext;
  readonly connections: TcpConnections;
  readonly nameless: NamelessFiles;
  tids: ReadonlySet<Pid> = new Set();
  readonly #ahead: Ahead;
  readonly #buildIds: BuildIds;
  #lastId = 0;
  readonly #entries: FileEntry[] = [];
  readonly #images = new Map<ImageType, OutEntry[]>();
  readonly #names: Names;
  readonly #memory = new SharedMemoryObjects();
  readonly #kinds = new Kinds(this);
  readonly #descriptors: Descriptors;
  readonly #locks: FileLocks;
  readonly #whenListed: (() => void)[] = [];
  readonly #whenKnown: (() => void)[] = [];
  readonly #finally: (() => void)[] = [];

  constructor(ctx: DumpContext, ahead: Ahead) {
    const { fdRanks, buildIds } = ahead;
    this.#ahead = ahead;
    this.ctx = ctx;
    this.connections = new TcpConnections(ctx);
    this.nameless = new NamelessFiles(ctx);
    this.#buildIds = buildIds;
    this.#names = new Names(
      ctx,
      () => this.newId(),
      (entry) => {
        this.add(entry);
      },
      (message) => {
        this.put('REMAP_FPATH', { message });
      },
    );
    this.#descriptors = new Descriptors(
      ctx,
      fdRanks,
      () => this.newId(),
      (file) => this.#describe(file),
      (seen, locks) => {
        this.#locks.note(seen, locks);
      },
    );
    this.#locks = new FileLocks(ctx, this.#descriptors);
  }

  #describe(file: Description): number {
    const { type, make } = this.#kinds.of(file);
    // it stands before the entries that it refers to
    const entry: FileEntry = { type, id: file.id };
    this.#entries.push(entry);
    Object.assign(entry, make(file));
    return type;
  }

  newId(): number {
    return ++this.#lastId;
  }

  add(entry: FileEntry): void {
    this.#entries.push(entry);
  }

  put(type: ImageType, entry: OutEntry): void {
    const entries = this.#images.get(type);
    if (entries) entries.push(entry);
    else this.#images.set(type, [entry]);
  }

  regular(id: number, file: OpenFile, flags: number, pos: bigint, fown: FownEntry): RegFileEntry {
    const { stat, mntId } = file;
    const external = mntId === undefined ? '' : externalFile(mntId, stat.ino);
    if (this.ctx.options.externals.has(external))
      return { ...regularEntry({ id, name: external, stat, flags, pos, fown }), ext: true };
    const name = this.#names.nameOf(id, file);
    return regularEntry({ id, name, stat, flags, pos, fown, buildId: this.#buildIdOf(file, flags) });
  }

  #buildIdOf(file: OpenFile, flags: number): readonly number[] | undefined {
    if (this.ctx.options.fileValidation !== 'buildid' || !hasFixedContent(file.stat, flags)) return undefined;
    return this.#buildIds.of(file);
  }

  addRegular(file: OpenFile, flags: number, pos: bigint, fown: FownEntry): number {
    const id = this.newId();
    this.add({ type: FdTypes.REG, id, reg: this.regular(id, file, flags, pos, fown) });
    return id;
  }

  memfdInode(name: string, stat: FileStat, fd: number): number {
    return this.#memory.add(name, stat, fd);
  }

  kernel(): KernelMemory | string {
    return this.#ahead.kernel();
  }

  take(file: Description): number {
    return this.#descriptors.take(file);
  }

  use<T>(file: Description, work: (fd: number) => T): T {
    return this.#descriptors.use(file, work);
  }

  inFlight(socket: Description, own: number): number {
    return this.#descriptors.inFlight(socket, own);
  }

  tableOf(file: Description): ReadonlyMap<number, Description> {
    return this.#descriptors.tableOf(file.task.pid).byFd;
  }

  get descriptions(): readonly Description[] {
    return this.#descriptors.all;
  }

  whenListed(action: () => void): void {
    // what lies in queues is seen only where crit may touch their sockets
    if (!this.ctx.running) this.#whenListed.push(action);
  }

  whenKnown(action: () => void): void {
    this.#whenKnown.push(action);
  }

  finally(action: () => void): void {
    this.#finally.push(action);
  }

  check({ tasks }: TreeView): void {
    this.tids = new Set(tasks.flatMap(({ pid, threads }) => [pid, ...threads.map(({ tid }) => tid)]));
  }

  look(task: DumpTask): void {
    this.#descriptors.look(task);
  }

  ask(task: DumpTask, b: Batch): () => void {
    return this.#descriptors.ask(task, b);
  }

  known(): void {
    for (let action; (action = this.#whenListed.shift());) action();
    for (const action of this.#whenKnown.splice(0)) attempt(this.ctx.refuse, action);
    this.nameless.known(this.descriptions);
    for (const message of this.#locks.entries()) this.put('FILE_LOCKS', { message });
  }

  /** What a process's ids.img and core say of its table. */
  idsOf(pid: number): { files_id: number; descriptors: number } {
    const { id, entries } = this.#descriptors.tableOf(pid);
    return { files_id: id, descriptors: entries.length };
  }

  last(): void {
    for (const action of this.#finally) action();
    this.#memory.write(this.ctx, (message) => {
      this.put('MEMFD_INODE', { message });
    });
    this.#descriptors.letGo();
    this.#names.ghosts.write();
  }

  write(): void {
    const { ctx } = this;
    const { tables } = this.#descriptors;
    const entriesOf = (messages: readonly object[]) => messages.map((message) => ({ message }));
    for (const { id, entries } of tables) ctx.write('FDINFO', id, entriesOf(entries));
    ctx.write('FILES', undefined, entriesOf(this.#kinds.order(this.#entries)));
    for (const [type, entries] of this.#images) ctx.write(type, undefined, entries);
    ctx.log.debug(`${this.descriptions.length} open files, ${tables.size} descriptor tables`);
  }

  /** Links that were made for files whose names are gone stay for the restore; without this they are removed again. */
  kept(): void {
    this.#names.keepLinks();
    if (this.ctx.options.leaveRunning) this.#warnOfWriters();
  }

  /** A tree that runs on may change what a restore compares. */
  #warnOfWriters(): void {
    const written = this.descriptions.filter(
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
    this.ctx.log.warn(
      `the tree runs on and has files open for writing (${some}): a restore refuses those whose size has changed by then, or that are gone; --file-validation none lets it take changed ones`,
    );
  }

  [Symbol.dispose](): void {
    this.#names[Symbol.dispose]();
    this.#memory[Symbol.dispose]();
    this.#descriptors[Symbol.dispose]();
  }
}
