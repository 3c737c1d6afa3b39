import { closeSync, openSync, writeFileSync } from 'node:fs';
import type { ImageDir } from '../encode/image-dir.js';
import { imageFileName } from '../image/catalogue.js';
import { CritError } from '../image/errors.js';
import type { Messages } from '../image/generated/messages.js';
import type { Log } from '../image/log.js';
import { NAMESPACES } from '../image/namespaces.js';
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
  SHM_PERMISSIONS,
  SHMID_DS,
  SHMID_DS_BYTES,
} from '../kernel/uapi/ipc.js';
import { MAP_HUGE_MASK, MAP_HUGE_SHIFT, SHM_HUGETLB } from '../kernel/uapi/mman.js';
import { FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE } from '../kernel/uapi/open-flags.js';
import { sys, sysRaw } from '../native/sys.js';
import type { PageSource } from '../pages/page-source.js';
import { callAs } from './files/makers.js';
import type { Part } from './part.js';
import type { Refuse } from './refuse.js';
import { copyRuns } from './copy-runs.js';

type Entry = Messages['ipc_shm_entry'];

interface Segment {
  readonly entry: Entry;
  readonly runs: readonly StoredRun[];
  /** It is gone, and is made anew. */
  readonly gone: boolean;
}

/** The next segment gets this id (Documentation/admin-guide/sysctl/kernel.rst); it is set back by the kernel. */
const NEXT_ID = '/proc/sys/kernel/shm_next_id';
const SIZE_MAX = 1n << 46n;
const KEPT_FLAGS = SHM_HUGETLB | (MAP_HUGE_MASK << MAP_HUGE_SHIFT);

/**
 * System V shared memory of crit's own IPC namespace. A segment that is still there is used again, where it is the one of
 * the dump and nobody has attached it; one that is gone is made anew under its id. Both get the content of the images.
 */
export class ShmSegments {
  readonly #images: ImageDir;
  readonly #pages: PageSource;
  readonly #log: Log;
  readonly #refuse: Refuse;
  readonly #wanted = new Map<number, Segment>();
  readonly #made: number[] = [];
  #entries: ReadonlyMap<number, Entry> | undefined;
  #here: ReadonlyMap<number, ShmSegment> | undefined;

  constructor(images: ImageDir, pages: PageSource, log: Log, refuse: Refuse) {
    this.#images = images;
    this.#pages = pages;
    this.#log = log;
    this.#refuse = refuse;
  }

  /** A mapping of a segment is wanted. @param where for messages @throws CritError BAD_IMAGE */
  add({ shmid, start, end, pgoff }: Messages['vma_entry'], where: string): { id: number; sizeBytes: number } {
    const id = Number(shmid);
    const name = imageFileName('IPCNS_SHM', NAMESPACES.ipc.host);
    this.#entries ??= new Map(
      (this.#images.messages('IPCNS_SHM', NAMESPACES.ipc.host) ?? []).map((entry) => [entry.desc.id, entry]),
    );
    const entry = this.#entries.get(id);
    if (!entry) throw new CritError(`${where}: there is no segment ${id} in ${name}`, { code: 'BAD_IMAGE' });
    const sizeBytes = Math.ceil(Number(entry.size) / PAGE_SIZE) * PAGE_SIZE;
    if (entry.size <= 0n || entry.size > SIZE_MAX || pgoff + end - start > BigInt(sizeBytes))
      throw new CritError(`${where}: the segment ${id} of ${name} has ${entry.size} bytes: it is not that large`, {
        code: 'BAD_IMAGE',
      });
    if (!this.#wanted.has(id)) this.#wanted.set(id, this.#segment(entry));
    return { id, sizeBytes };
  }

  #segment(entry: Entry): Segment {
    const { id, key } = entry.desc;
    this.#here ??= readShmSegments();
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
    const runs = head ? this.#pages.locate(imageFileName('SHMEM_PAGEMAP', id), head.pages_id, entries) : [];
    return { entry, runs, gone: !here };
  }

  /** As a part of the restore. */
  part(): Part {
    return {
      name: 'System V shared memory',
      at: {
        outside: () => {
          for (const segment of this.#wanted.values()) {
            if (!segment.gone) continue;
            this.#make(segment.entry);
            this.#fill(segment);
          }
        },
        whole: () => {
          for (const segment of this.#wanted.values()) {
            // what somebody else may have written there since is lost only when all else is restored
            if (!segment.gone) this.#fill(segment);
            this.#finish(segment.entry);
          }
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

  /** Makes a segment under its id, by the number and the user who made it, where these can be had. */
  #make({ desc, size, cpid, hugetlb_flag: huge = 0 }: Entry): void {
    const flags = (desc.mode & SHM_PERMISSIONS) | (huge & KEPT_FLAGS) | IPC_CREAT | IPC_EXCL;
    const failed = (why: string) =>
      new CritError(`the System V shared memory segment ${desc.id} cannot be made: ${why}`, { code: 'SEGMENT' });
    const key = desc.key | 0;
    const bytes = Number(size);
    writeFileSync(NEXT_ID, String(desc.id));
    let made = -1;
    const maker = { uid: desc.cuid, gid: desc.cgid, groups: [] };
    if (cpid) made = callAs(cpid, maker, 'shmget', key, bytes, flags);
    if (made < 0) {
      if (cpid) this.#log.warn(`segment ${desc.id}: its maker cannot be ${cpid} (${errnoWords(-made)}), it is crit`);
      writeFileSync(NEXT_ID, String(desc.id));
      made = sysRaw('shmget', key, bytes, flags);
    }
    if (made < 0) throw failed(errnoWords(-made));
    this.#made.push(made);
    if (made !== desc.id) throw failed('its id is taken');
    const ds = new DataView(new ArrayBuffer(SHMID_DS_BYTES));
    ds.setUint32(SHMID_DS.uid, desc.uid, true);
    ds.setUint32(SHMID_DS.gid, desc.gid, true);
    ds.setUint32(SHMID_DS.mode, desc.mode & SHM_PERMISSIONS, true);
    sys('shmctl', made, IPC_SET, new Uint8Array(ds.buffer));
  }

  /** crit has it attached for a moment: its memory is a file then. */
  #fill({ entry, runs }: Segment): void {
    const at = sys('shmat', entry.desc.id, 0, 0);
    try {
      const end = at + Math.ceil(Number(entry.size) / PAGE_SIZE) * PAGE_SIZE;
      const to = openSync(`/proc/self/map_files/${at.toString(16)}-${end.toString(16)}`, 'r+');
      try {
        sys('fallocate', to, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, end - at);
        copyRuns(this.#pages, runs, to, end - at, imageFileName('SHMEM_PAGEMAP', entry.desc.id));
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
