import { closeSync, openSync } from 'node:fs';
import type { ImageDir } from '../encode/image-dir.js';
import { imageFileName } from '../image/catalogue.js';
import { CritError } from '../image/errors.js';
import type { Messages } from '../image/generated/messages.js';
import type { Log } from '../image/log.js';
import { splitPagemap, type StoredRun } from '../image/pagemap.js';
import { PAGE_SIZE } from '../image/vma-status.js';
import { readShmSegments, type ShmSegment } from '../kernel/proc/sysvipc.js';
import { errnoWords } from '../kernel/uapi/errno.js';
import {
  IPC_CREAT,
  IPC_EXCL,
  IPC_RMID,
  IPC_SET,
  SHM_DEST,
  SHM_LOCK,
  SHM_LOCKED,
  ipcSettings,
  IPC_PERMISSIONS,
} from '../kernel/uapi/ipc.js';
import { MAP_HUGE_MASK, MAP_HUGE_SHIFT, SHM_HUGETLB } from '../kernel/uapi/mman.js';
import { FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE } from '../kernel/uapi/open-flags.js';
import { sys, sysRaw } from '../native/sys.js';
import type { PageSource } from '../pages/page-source.js';
import { callAs } from './files/makers.js';
import { askForId, madeBy, type IpcNamespace } from './ipc-namespace.js';
import type { OnTask, Part } from './part.js';
import type { Refuse } from './refuse.js';
import { copyRuns } from './copy-runs.js';

type Entry = Messages['ipc_shm_entry'];

interface Segment {
  readonly entry: Entry;
  readonly runs: readonly StoredRun[];
  /** It is gone, and is made anew. */
  readonly gone: boolean;
}

const SIZE_MAX = 1n << 46n;
const KEPT_FLAGS = SHM_HUGETLB | (MAP_HUGE_MASK << MAP_HUGE_SHIFT);

/**
 * System V shared memory. In a new IPC namespace all is made anew. In crit's own, a segment that is still there is used again, where it is the one of
 * the dump and nobody has attached it; one that is gone is made anew under its id. Both get the content of the images.
 */
export class ShmSegments {
  readonly #images: ImageDir;
  readonly #pages: PageSource;
  readonly #log: Log;
  readonly #refuse: Refuse;
  readonly #ipc: IpcNamespace;
  readonly #name: string;
  readonly #wanted = new Map<number, Segment>();
  readonly #made: number[] = [];
  #entries: ReadonlyMap<number, Entry> | undefined;
  #here: ReadonlyMap<number, ShmSegment> | undefined;

  constructor(images: ImageDir, pages: PageSource, log: Log, refuse: Refuse, ipc: IpcNamespace) {
    this.#images = images;
    this.#pages = pages;
    this.#log = log;
    this.#refuse = refuse;
    this.#ipc = ipc;
    this.#name = imageFileName('IPCNS_SHM', ipc.id);
    if (ipc.own) for (const entry of this.#all.values()) this.#want(entry, this.#name);
  }

  /** The segments of the images, by their ids. */
  get #all(): ReadonlyMap<number, Entry> {
    return (this.#entries ??= new Map(
      (this.#images.messages('IPCNS_SHM', this.#ipc.id) ?? []).map((entry) => [entry.desc.id, entry]),
    ));
  }

  /** A mapping of a segment is wanted. @param where for messages @throws CritError BAD_IMAGE */
  add({ shmid, start, end, pgoff }: Messages['vma_entry'], where: string): { id: number; sizeBytes: number } {
    const id = Number(shmid);
    const entry = this.#all.get(id);
    if (!entry) throw new CritError(`${where}: there is no segment ${id} in ${this.#name}`, { code: 'BAD_IMAGE' });
    const sizeBytes = this.#want(entry, where);
    if (pgoff + end - start > BigInt(sizeBytes))
      throw new CritError(
        `${where}: the segment ${id} of ${this.#name} has ${entry.size} bytes: it is not that large`,
        {
          code: 'BAD_IMAGE',
        },
      );
    return { id, sizeBytes };
  }

  /** @returns its size in whole pages @throws CritError BAD_IMAGE */
  #want(entry: Entry, where: string): number {
    const { desc, size } = entry;
    if (size <= 0n || size > SIZE_MAX)
      throw new CritError(`${where}: the segment ${desc.id} of ${this.#name} has ${size} bytes: no segment can`, {
        code: 'BAD_IMAGE',
      });
    if (this.#ipc.own && !entry.in_pagemaps)
      throw new CritError(
        `${where}: the content of segment ${desc.id} is in ${this.#name}, where old versions of CRIU have it`,
        {
          code: 'UNSUPPORTED',
        },
      );
    if (!this.#wanted.has(desc.id)) this.#wanted.set(desc.id, this.#segment(entry));
    return Math.ceil(Number(size) / PAGE_SIZE) * PAGE_SIZE;
  }

  #segment(entry: Entry): Segment {
    const { id, key } = entry.desc;
    // in a new namespace there are none
    this.#here ??= this.#ipc.own ? new Map() : readShmSegments();
    const here = this.#here.get(id);
    const refuse = (why: string) => {
      this.#refuse(
        new CritError(`the System V shared memory segment ${id} (key 0x${key.toString(16)}) ${why}`, {
          code: 'SEGMENT',
        }),
      );
    };
    const same =
      here?.key === key &&
      BigInt(here.sizeBytes) === entry.size &&
      (entry.cpid === undefined || entry.cpid === here.cpid) &&
      (entry.ctime === undefined || entry.ctime === here.changedSec);
    if (here && !same) refuse('is another one than that of the dump: remove it (ipcrm -m) if it is not needed');
    else if (here && here.attached > 0)
      refuse(`is attached by other processes (${here.attached} mappings): end them, their memory would change`);
    else if (!here && key !== 0) {
      const other = [...this.#here.values()].find((segment) => segment.key === key);
      if (other) refuse(`cannot be made: segment ${other.id} has its key; remove it (ipcrm -m) if it is not needed`);
    }
    const messages = this.#images.messages('SHMEM_PAGEMAP', id);
    const { head, entries } = messages ? splitPagemap(messages) : { head: undefined, entries: [] };
    const runs = head ? this.#pages.locate('SHMEM_PAGEMAP', id, head.pages_id, entries) : [];
    return { entry, runs, gone: !here };
  }

  /** As a part of the restore. */
  part(): Part {
    return {
      name: 'System V shared memory',
      at: {
        outside: () => {
          if (!this.#ipc.own) this.#makeAll();
        },
        root: (root) => {
          if (this.#ipc.own)
            this.#ipc.inside(() => {
              this.#makeAll(root);
            });
        },
        whole: () => {
          this.#ipc.inside(() => {
            for (const segment of this.#wanted.values()) {
              // what somebody else may have written there since is lost only when all else is restored
              if (!segment.gone) this.#fill(segment);
              this.#finish(segment.entry);
            }
          });
        },
      },
      planLines: () =>
        [...this.#wanted].map(
          ([id, { gone }]) => `System V shared memory segment ${id}: ${gone ? 'is made' : 'is there'}`,
        ),
      undo: () => {
        for (const id of this.#made.splice(0)) sysRaw('shmctl', id, IPC_RMID, null);
      },
    };
  }

  #makeAll(root?: OnTask): void {
    for (const segment of this.#wanted.values()) {
      if (!segment.gone) continue;
      this.#make(segment.entry, root);
      this.#fill(segment);
    }
  }

  /** Makes a segment under its id, by the number and the user who made it, where these can be had. */
  #make({ desc, size, cpid, hugetlb_flag: huge = 0 }: Entry, root: OnTask | undefined): void {
    const flags = (desc.mode & IPC_PERMISSIONS) | (huge & KEPT_FLAGS) | IPC_CREAT | IPC_EXCL;
    const failed = (why: string) =>
      new CritError(`the System V shared memory segment ${desc.id} cannot be made: ${why}`, { code: 'SEGMENT' });
    const key = desc.key | 0;
    const bytes = Number(size);
    askForId('shm_next_id', desc.id, `segment ${desc.id}`);
    let made = -1;
    const maker = { uid: desc.cuid, gid: desc.cgid, groups: [] };
    const byRoot = root !== undefined && (cpid === undefined || cpid === root.task.pid);
    if (byRoot) made = madeBy(root, desc, 'shmget', key, bytes, flags);
    else if (cpid) made = callAs(cpid, maker, 'shmget', key, bytes, flags);
    if (made < 0) {
      if (cpid) this.#log.warn(`segment ${desc.id}: its maker cannot be ${cpid} (${errnoWords(-made)}), it is crit`);
      askForId('shm_next_id', desc.id, `segment ${desc.id}`);
      made = sysRaw('shmget', key, bytes, flags);
    }
    if (made < 0) throw failed(errnoWords(-made));
    this.#made.push(made);
    if (made !== desc.id) throw failed('its id is taken');
    sys('shmctl', made, IPC_SET, ipcSettings(desc));
  }

  /** crit has it attached for a moment: its memory is a file then. */
  #fill({ entry, runs }: Segment): void {
    const at = sys('shmat', entry.desc.id, 0, 0);
    try {
      const end = at + Math.ceil(Number(entry.size) / PAGE_SIZE) * PAGE_SIZE;
      const to = openSync(`/proc/self/map_files/${at.toString(16)}-${end.toString(16)}`, 'r+');
      try {
        sys('fallocate', to, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, end - at);
        copyRuns(this.#pages, runs, to, Number(entry.size), imageFileName('SHMEM_PAGEMAP', entry.desc.id));
      } finally {
        closeSync(to);
      }
    } finally {
      sysRaw('shmdt', at);
    }
  }

  /** Who is to have it attached, has. */
  #finish({ desc: { id, mode } }: Entry): void {
    if (mode & SHM_LOCKED) sys('shmctl', id, SHM_LOCK, null);
    if (mode & SHM_DEST) sys('shmctl', id, IPC_RMID, null);
  }
}
