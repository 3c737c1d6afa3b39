import { imageFileName } from '../../image/catalogue.js';
import type {
  CoreEntry,
  FdinfoEntry,
  FsEntry,
  MmEntry,
  PstreeEntry,
  TaskKobjIdsEntry,
  VmaEntry,
} from '../../image/generated/messages.js';
import { hasEnded } from '../../image/task-state.js';
import { VMA } from '../../image/vma-status.js';
import type { SetImages } from './set-images.js';
import { readPagemap, type Runs } from './runs.js';

/** A thread and its core image. */
export interface CheckedThread {
  readonly tid: number;
  readonly image: string;
  readonly core: CoreEntry;
}

const FILE_BACKED = VMA.FILE_PRIVATE | VMA.FILE_SHARED | VMA.MEMFD;

/** One task of a set. What is large is read when it is asked for, and dropped by release(). */
export class CheckedTask {
  readonly pid: number;
  readonly entry: PstreeEntry;
  /** Index in pstree.img. */
  readonly index: number;
  /** Whether it is a zombie; undefined when its core cannot be read. */
  ended: boolean | undefined;
  ids: TaskKobjIdsEntry | undefined;
  /** Its number of descriptors' table; undefined for a zombie. */
  tableId: number | undefined;
  readonly #set: SetImages;
  #threads: CheckedThread[] = [];
  #mm: MmEntry | undefined;
  #vmas: readonly VmaEntry[] | undefined;
  #pagemap: Runs | undefined;

  constructor(set: SetImages, entry: PstreeEntry, index: number) {
    this.#set = set;
    this.entry = entry;
    this.index = index;
    this.pid = entry.pid;
  }

  /** Reads its images: before its rules are followed, once. */
  load(): void {
    const set = this.#set;
    const leader = set.needOnce('CORE', this.pid, `task ${this.pid} of ${imageFileName('PSTREE')} has one`);
    this.ended = leader && hasEnded(leader.tc?.task_state);
    if (this.ended !== false) return;
    this.#threads.push({ tid: this.pid, image: imageFileName('CORE', this.pid), core: leader! });
    this.ids =
      leader?.ids ??
      set.needOnce('IDS', this.pid, `task ${this.pid} is alive: its namespaces and tables are told there`);
    this.tableId = this.ids?.files_id ?? this.pid;
    this.#loadThreads();
    this.#loadMemory();
  }

  /** Of a task that is alive; those whose cores cannot be read are left out. */
  get threads(): readonly CheckedThread[] {
    return this.#threads;
  }

  get core(): CoreEntry | undefined {
    return this.threads.find(({ tid }) => tid === this.pid)?.core;
  }

  get mm(): MmEntry | undefined {
    return this.#mm;
  }

  /** Where its mappings are told, and which; undefined when that cannot be read. */
  get vmas(): readonly VmaEntry[] | undefined {
    return this.#vmas;
  }

  get vmaImage(): string {
    return this.#mm?.vmas?.length ? imageFileName('MM', this.pid) : imageFileName('VMAS', this.pid);
  }

  get pagemap(): Runs | undefined {
    return this.#pagemap;
  }

  get fs(): FsEntry | undefined {
    if (this.ended !== false) return undefined;
    return this.#set.need('FS', this.pid, `task ${this.pid} is alive: its directories are told there`)?.[0];
  }

  /** Its descriptors; undefined when they cannot be read, or there are none. */
  get descriptors(): readonly FdinfoEntry[] | undefined {
    return this.tableId === undefined ? undefined : this.#set.keep('FDINFO', this.tableId);
  }

  #loadThreads(): void {
    for (const tid of new Set(this.entry.threads)) {
      if (tid === this.pid) continue;
      const core = this.#set.needOnce('CORE', tid, `thread ${tid} of task ${this.pid} has one`);
      if (core) this.#threads.push({ tid, image: imageFileName('CORE', tid), core });
    }
  }

  #loadMemory(): void {
    const set = this.#set;
    const { pid } = this;
    const why = (what: string) => `task ${pid} is alive: ${what}`;
    this.#mm = set.needOnce('MM', pid, why('its address space is told there'));
    this.#vmas = this.#mm && (this.#mm.vmas?.length ? this.#mm.vmas : set.read('VMAS', pid));
    if (this.#mm && !this.#vmas) set.mustHave('VMAS', pid, why('its mappings are told there'));
    set.mustHave('PAGEMAP', pid, why('its pages are told there'));
    this.#pagemap = readPagemap(set, 'PAGEMAP', pid);
    if (this.#mm) set.used.add(this.#mm.exe_file_id);
    for (const { status, shmid } of this.#vmas ?? [])
      if (status & (FILE_BACKED | VMA.SOCKET)) set.used.add(Number(shmid));
      else if (status & VMA.ANON_SHARED && !(status & VMA.SYSVIPC) && !set.shmids.has(shmid))
        set.shmids.set(shmid, `task ${pid} maps it`);
  }

  /** Forgets what is large. */
  release(): void {
    this.#threads = [];
    this.#mm = undefined;
    this.#vmas = undefined;
    this.#pagemap = undefined;
  }
}
