import { closeSync, readFileSync } from 'node:fs';
import type { ImageDir } from '../../encode/image-dir.js';
import { imageFileName } from '../../image/catalogue.js';
import { CritError } from '../../image/errors.js';
import { FdTypes, type FileEntry, type VmaEntry } from '../../image/generated/messages.js';
import { seenByCrit, type ImagePid } from '../../image/pid.js';
import {
  FD_CLOEXEC,
  F_SETFD,
  O_ACCMODE,
  O_CLOEXEC,
  O_DIRECTORY,
  O_PATH,
  O_RDONLY,
  O_RDWR,
} from '../../kernel/uapi/open-flags.js';
import { isRingPlace } from '../../kernel/uapi/io-uring.js';
import { PROT_WRITE } from '../../kernel/uapi/mman.js';
import { VMA } from '../../image/vma-status.js';
import { RLIMITS } from '../../kernel/uapi/resource.js';
import { sys, sysRaw } from '../../native/sys.js';
import { openPidfd, takeFd } from '../../task/descriptors.js';
import type { Batch } from '../../task/batch.js';
import { STUB_FDS } from '../../task/stub.js';
import type { RestoreContext, RestoreTask } from '../context.js';
import type { Part } from '../part.js';
import type { MemoryObject } from '../shared-memory.js';
import type { Purpose } from './check-file.js';
import { typeName } from '../../image/file-faults.js';
import { FileImages, type Table } from './file-images.js';
import { fileLocks } from './file-locks.js';
import type { FileGroup, Files } from './group.js';
import { groupOf } from './kinds.js';
import { InheritedFiles } from './inherited.js';
import { Memfds } from './memfd.js';
import { Names } from './names.js';
import { owners } from './owner.js';
import { place } from './place.js';
import { ownNumbers, Slots } from './slots.js';

/**
 * All files of the tree: descriptors, mapped files, programs, directories. Every description is opened once, in the root,
 * at a slot of its own; all tasks inherit the slots, and each moves them to its own numbers at the end.
 */
export class RestoreFiles {
  /** Every kind of file, and what all kinds have. */
  readonly parts: readonly Part[];
  /** Locks on files: of the parts of files the first, where crit's descriptors are closed and the credentials set. */
  readonly locks: Part;
  readonly #ctx: RestoreContext;
  readonly #images: FileImages;
  readonly #slots: Slots;
  readonly #names: Names;
  readonly #memfds: Memfds;
  readonly #inherited: InheritedFiles;
  readonly #groups: FileGroup[] = [];
  readonly #slotOf = new Map<number, number>();
  /** Files that are opened for mappings, programs and directories, by what they are opened for. */
  readonly #special = new Map<string, number>();
  readonly #mapped = new Set<number>();
  #pidfd = -1;

  /**
   * Reads and checks everything that the images tell about files, and that the files are there. Nothing is started.
   * @throws CritError naming the image and entry, or the file that is missing or differs
   */
  constructor(ctx: RestoreContext, images: ImageDir) {
    this.#ctx = ctx;
    this.#images = new FileImages(images, ctx.tasks);
    this.#slots = new Slots(ownNumbers(this.#images), this.#numbers(), limit());
    this.#inherited = new InheritedFiles(ctx, this.#images);
    this.#names = new Names(this.#images, ctx, this.#inherited, () => this.#slots.reserve());
    const files: Files = {
      ctx,
      images: this.#images,
      names: this.#names,
      inherited: this.#inherited,
      slot: (id) => this.#slot(id),
      reserve: () => this.#slots.reserve(),
      pathOf: (slot) => `/proc/${seenByCrit(ctx.root.pid)}/fd/${slot}`,
      take: (slot) => this.#take(slot),
    };
    this.#memfds = new Memfds(files);
    // pidfds may be in the queues of sockets
    const types = new Set([FdTypes.PIDFD, ...[...this.#images.byId.values()].map((entry) => entry.type)]);
    for (const type of types) {
      const entry = this.#images.firstUsed(type);
      if (!entry) continue;
      if (type === FdTypes.MEMFD) {
        for (const { id } of this.#images.usedOf('memfd'))
          if (this.#inherited.of(id) === undefined) this.#memfds.addDescriptor(id);
        continue;
      }
      const group = groupOf(files, type);
      if (group) this.#groups.push(group);
      else ctx.refuse(this.#unsupported(entry));
    }
    const inherited = this.#inherited.part((id) => this.#slot(id));
    this.parts = [inherited, ...this.#groups, this.#memfds.part(), owners(files), this.#names.part()];
    this.locks = fileLocks(files);
    this.#checkQueues();
    for (const { cwd_id, root_id } of this.#images.fs.values()) for (const id of [cwd_id, root_id]) this.#directory(id);
  }

  /** Queues are filled before there are processes. */
  #checkQueues(): void {
    const late = new Set(this.#names.late());
    for (const [socket, queue] of this.#images.queues)
      for (const id of queue.flatMap(({ rights }) => rights))
        if (late.has(id))
          throw new CritError(
            `${imageFileName('SK_QUEUES')}: file ${id}, in the queue of file ${socket}, is one of a process in /proc: not supported yet`,
            { code: 'UNSUPPORTED' },
          );
  }

  #unsupported(entry: FileEntry): CritError {
    const holder = this.#images.holder(entry.id);
    const where = holder ? `descriptor ${holder.fd} of task ${holder.table.tasks[0]!.pid}` : 'in the queue of a socket';
    return new CritError(
      `${imageFileName('FILES')}: file ${entry.id} (${where}) is a ${typeName(entry.type)}: restoring that is not supported yet`,
      { code: 'UNSUPPORTED' },
    );
  }

  /** Every number that means something in a table, or under which an epoll has its target. */
  #numbers(): Set<number> {
    const numbers = new Set<number>();
    for (const table of this.#images.tables) for (const { fd } of table.entries) numbers.add(fd);
    for (const { epfd } of this.#images.byId.values())
      for (const target of epfd?.tfd ?? []) numbers.add(target.tfd).add(target.added_as ?? target.tfd);
    return numbers;
  }

  #slot(id: number): number {
    let slot = this.#slotOf.get(id);
    if (slot === undefined) this.#slotOf.set(id, (slot = this.#slots.of(id)));
    return slot;
  }

  /** A slot for a file that is opened for a purpose of its own. */
  #open(id: number, flags: number, where: string, purpose: Purpose): number {
    const key = `${id}:${flags}`;
    let slot = this.#special.get(key);
    if (slot !== undefined) return slot;
    slot = this.#slots.reserve();
    this.#special.set(key, slot);
    const at = slot;
    this.#names.add(id, where, purpose, (b, open) => {
      place(b, open(b, flags), at);
    });
    return slot;
  }

  #directory(id: number): number {
    return this.#open(id, O_PATH | O_DIRECTORY, 'fs image', 'directory');
  }

  /**
   * Has the file of a mapping opened.
   * @returns the descriptor to map it of
   */
  addMapping(pid: ImagePid, vma: VmaEntry): number {
    const id = Number(vma.shmid);
    this.#mapped.add(id);
    const shared = (vma.status & VMA.FILE_SHARED) !== 0;
    const flags = vma.fdflags ?? (shared && vma.prot & PROT_WRITE ? O_RDWR : O_RDONLY);
    if (this.#images.byId.get(id)?.memfd) return this.#memfds.addMapping(id, flags);
    const where = `${imageFileName('MM', pid)}: mapping ${vma.start.toString(16)}: shmid`;
    return this.#open(id, flags & O_ACCMODE, where, 'mapping');
  }

  /** Whether a mapping is one of an io_uring, which is mapped when it is there. @throws CritError BAD_IMAGE */
  isRing(pid: ImagePid, { status, shmid, start, pgoff }: VmaEntry): boolean {
    if (!(status & VMA.FILE_SHARED)) return false;
    const id = Number(shmid);
    if (!this.#images.byId.get(id)?.io_uring) return false;
    if (!this.#images.used.has(id) || !isRingPlace(pgoff))
      throw new CritError(
        `${imageFileName('MM', pid)}: mapping ${start.toString(16)}: no descriptor refers to file ${id}, an io_uring, or it has nothing at 0x${pgoff.toString(16)}`,
        { code: 'BAD_IMAGE' },
      );
    return true;
  }

  /** Has a program opened. */
  addProgram(pid: ImagePid, id: number): number {
    this.#mapped.add(id);
    if (this.#images.byId.get(id)?.memfd) return this.#memfds.addMapping(id, O_RDONLY);
    return this.#open(id, O_RDONLY, `${imageFileName('MM', pid)}: exe_file_id`, 'mapping');
  }

  /** To be called when all mappings are known. @throws CritError MISSING_IMAGE */
  checkComplete(): void {
    this.#images.checkAbsent(this.#mapped, this.#ctx.log);
  }

  /** A descriptor number that nothing else uses. */
  reserve(): number {
    return this.#slots.reserve();
  }

  /** The memfds, to be filled: their descriptors and the shmids of their pages. */
  memfds(): readonly MemoryObject[] {
    return this.#memfds.objects();
  }

  /** Files that were opened late and that a table refers to, or an epoll. */
  #lateOf(table: Table): number[] {
    const lateIds = this.#groups.flatMap(({ late }) => late ?? []);
    if (lateIds.length === 0) return [];
    const watched = [...this.#images.byId.values()].flatMap(({ epfd }) => (epfd?.tfd ?? []).map((t) => t.target_id));
    const ids = new Set([...table.entries.map(({ id }) => id), ...watched]);
    return lateIds.filter((id) => ids.has(id));
  }

  /** What the root has opened late, for a task that did not inherit it. Its table must not be laid out yet. */
  #fetchLate(table: Table, b: Batch): void {
    const late = new Set(this.#names.late());
    const slots = [...this.#special].filter(([key]) => late.has(Number(key.split(':')[0]))).map(([, slot]) => slot);
    for (const id of late) if (this.#slotOf.has(id)) slots.push(this.#slotOf.get(id)!);
    for (const id of this.#lateOf(table)) slots.push(this.#slot(id));
    if (slots.length === 0) return;
    using _doing = b.doing('taking open files from the root');
    const root = b.call('pidfd_open', this.#ctx.root.pid, 0);
    for (const slot of slots) place(b, b.call('pidfd_getfd', root, slot, 0), slot);
    b.call('close', root);
  }

  #take(slot: number): number {
    if (this.#pidfd < 0) this.#pidfd = openPidfd(seenByCrit(this.#ctx.root.pid));
    return takeFd(this.#pidfd, slot);
  }

  /** Moves the descriptions to the numbers of a table. */
  #layout(table: Table, b: Batch): void {
    if (table !== this.#images.tableOf.get(this.#ctx.root)) this.#fetchLate(table, b);
    using _doing = b.doing('laying out descriptors');
    for (const { fd, id, flags } of table.entries)
      if (this.#slot(id) !== fd) b.call('dup3', this.#slot(id), fd, flags & FD_CLOEXEC ? O_CLOEXEC : 0);
      else if (flags & FD_CLOEXEC) b.call('fcntl', fd, F_SETFD, FD_CLOEXEC);
    // whatever else is there below the slots is none of the tree's
    const kept = [...table.entries.map(({ fd }) => ({ first: fd, last: fd })), ...this.#slots.ranges(table.byFd)];
    let at = 0;
    for (const { first, last } of kept.sort((x, y) => x.first - y.first)) {
      if (first > at) b.call('close_range', at, first - 1, 0);
      at = last + 1;
    }
    b.call('close_range', at, 0xffffffff, 0);
  }

  /** Descriptor tables, as a part of the restore. */
  tables(): Part {
    return {
      name: 'descriptor tables',
      at: {
        root: ({ b }) => {
          for (const id of this.#images.used) this.#slot(id);
          // files about these numbers are opened before anything else is there
          const told = this.#names.toldNumbers();
          const held = told.size > 0 ? this.#slots.reserve() : -1;
          this.#slots.occupy(b, STUB_FDS[0]);
          for (const fd of STUB_FDS) b.call('close', fd);
          for (const fd of told) if (fd !== held) b.call('dup3', held, fd, 0);
        },
        table: ({ task, b }) => {
          const table = this.tableOf(task);
          if (table) this.#layout(table, b);
        },
        close: ({ table, b }) => {
          using _doing = b.doing('closing what crit had opened');
          for (const { first, last } of this.#slots.ranges(table.byFd)) b.call('close_range', first, last, 0);
        },
        whole: () => {
          this.#letGo();
        },
      },
      planLines: () => this.#planLines(),
      undo: () => {
        this.#letGo();
      },
    };
  }

  /** The table of a task, if it is the first that has it: for what is done once in each. */
  tableOf(task: RestoreTask): Table | undefined {
    const table = this.#images.tableOf.get(task)!;
    return table.tasks[0] === task ? table : undefined;
  }

  #planLines(): string[] {
    const lines: string[] = [];
    for (const [type, entries] of byType(this.#images))
      if (type !== FdTypes.REG) lines.push(`${entries} open file(s) of type ${typeName(type)}`);
    for (const table of this.#images.tables)
      lines.push(
        `descriptor table ${table.id}: ${table.entries.length} descriptor(s), of task(s) ${table.tasks.map((t) => t.pid).join(', ')}`,
      );
    return lines;
  }

  #letGo(): void {
    if (this.#pidfd >= 0) closeSync(this.#pidfd);
    this.#pidfd = -1;
  }

  /** Current directory, root and umask, as a part; of tasks that share them the first one sets them. */
  contexts(): Part {
    return {
      name: 'directories and umask',
      at: {
        task: ({ task, b }) => {
          this.#setContext(task, b);
        },
      },
    };
  }

  #setContext(task: RestoreTask, b: Batch): void {
    const entry = this.#images.fs.get(task)!;
    const shared = task.ids?.fs_id;
    if (shared && this.#ctx.tasks.find((other) => this.#images.fs.has(other) && other.ids?.fs_id === shared) !== task)
      return;
    using _doing = b.doing('setting root and current directory');
    const root = this.#images.regular(entry.root_id, 'fs image').name;
    if (root !== '/') {
      b.call('fchdir', this.#directory(entry.root_id));
      b.call('chroot', '.');
    }
    b.call('fchdir', this.#directory(entry.cwd_id));
    b.call('umask', entry.umask ?? 0o22);
  }
}

function byType(images: FileImages): Map<number, number> {
  const counts = new Map<number, number>();
  for (const id of images.used) {
    const { type } = images.byId.get(id)!;
    counts.set(type, (counts.get(type) ?? 0) + 1);
  }
  return counts;
}

/**
 * The hard limit of descriptors, which the root inherits from crit and takes for the time of the restore: as high as the
 * kernel has it, where crit may raise it.
 */
function limit(): number {
  const words = new BigUint64Array(2);
  words.fill(BigInt(readFileSync('/proc/sys/fs/nr_open', 'latin1').trim()));
  sysRaw('prlimit64', 0, RLIMITS.RLIMIT_NOFILE, words, null);
  sys('prlimit64', 0, RLIMITS.RLIMIT_NOFILE, null, words);
  return Number(words[1]! < 0x3fffffffn ? words[1]! : 0x3fffffffn);
}
