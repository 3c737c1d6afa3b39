import { closeSync, openSync, statSync } from 'node:fs';
import { imageFileName } from '../image/catalogue.js';
import { CritError } from '../image/errors.js';
import type { Messages } from '../image/generated/messages.js';
import { splitPagemap, type StoredRun } from '../image/pagemap.js';
import type { ImageDir } from '../encode/image-dir.js';
import { SYSCALLS } from '../arch/index.js';
import {
  MAP_ANONYMOUS,
  MAP_HUGE_MASK,
  MAP_HUGE_SHIFT,
  MAP_HUGETLB,
  MAP_NORESERVE,
  MAP_SHARED,
  PROT_READ,
  PROT_WRITE,
} from '../kernel/uapi/mman.js';
import { AT_FDCWD, O_RDWR } from '../kernel/uapi/open-flags.js';
import type { Ref } from '../task/batch.js';
import type { Puppet } from '../task/puppet.js';
import { copyRuns } from './copy-runs.js';
import type { Part } from './part.js';
import type { PageSource } from '../pages/page-source.js';

/** Flags of mmap(2) that make huge pages, and of which size. */
const HUGE_FLAGS = MAP_HUGETLB | (MAP_HUGE_MASK << MAP_HUGE_SHIFT);

/** An object that is there, to be filled. */
export interface MemoryObject {
  /** Its descriptor in the root puppet. */
  slot: number;
  /** Its pages are filed under this number. */
  shmid: number;
  sizeBytes: number;
  /** Of huge pages: it cannot be written to, only mapped. */
  huge: boolean;
}

/** Where the objects' descriptors are kept, in the root puppet. */
interface Slots {
  /** A descriptor number that nothing else uses. */
  reserve(): number;
  /** The memfds of the images. */
  memfds(): readonly MemoryObject[];
}

/**
 * Shared memory objects. CRIU 4.2 and crit dump shared anonymous mappings as memfds; images of older versions have them
 * by shmid alone (VMA_ANON_SHARED), which come back as what they were.
 */
export class SharedMemory {
  readonly #slots: Slots;
  readonly #images: ImageDir;
  readonly #pages: PageSource;
  /** Which pages each object has, where it has any. */
  readonly #runs = new Map<number, readonly StoredRun[]>();
  readonly #anonymous = new Map<number, MemoryObject & { hugeFlags: number }>();
  #root: Puppet | undefined;

  constructor(images: ImageDir, slots: Slots, pages: PageSource) {
    this.#images = images;
    this.#slots = slots;
    this.#pages = pages;
  }

  /** Reads and checks what the images tell of the objects' pages. @throws CritError */
  check(): void {
    for (const { shmid } of this.#objects()) {
      const messages = this.#images.messages('SHMEM_PAGEMAP', shmid);
      if (!messages || this.#runs.has(shmid)) continue; // it was all holes
      const { head, entries } = splitPagemap(messages);
      const name = imageFileName('SHMEM_PAGEMAP', shmid);
      if (!head) throw new CritError(`${name} has no entry`, { code: 'BAD_IMAGE' });
      this.#runs.set(shmid, this.#pages.locate('SHMEM_PAGEMAP', shmid, head.pages_id, entries));
    }
  }

  *#objects(): Generator<MemoryObject> {
    yield* this.#slots.memfds();
    yield* this.#anonymous.values();
  }

  /** The descriptor of a VMA_ANON_SHARED mapping's object; the object is as large as its farthest mapping. */
  add(vma: Messages['vma_entry']): number {
    const shmid = Number(vma.shmid);
    const sizeBytes = Number(vma.pgoff + vma.end - vma.start);
    let known = this.#anonymous.get(shmid);
    if (!known) {
      const hugeFlags = vma.flags & MAP_HUGETLB ? vma.flags & HUGE_FLAGS : 0;
      known = { slot: this.#slots.reserve(), shmid, sizeBytes, huge: hugeFlags !== 0, hugeFlags };
      this.#anonymous.set(shmid, known);
    }
    known.sizeBytes = Math.max(known.sizeBytes, sizeBytes);
    return known.slot;
  }

  /** As a part of the restore. */
  part(): Part {
    return {
      name: 'shared memory',
      at: {
        open: ({ task }) => {
          this.#create(task.puppet!);
        },
        fill: () => {
          this.#fillAll();
        },
      },
    };
  }

  /** Creates the anonymous objects in the root puppet. */
  #create(root: Puppet): void {
    this.#root = root;
    const b = root.batch();
    for (const { slot, sizeBytes, hugeFlags } of this.#anonymous.values()) {
      // the map_files link gives a descriptor of the object
      const flags = MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE | hugeFlags;
      const at = root.must('mmap', 0, sizeBytes, PROT_READ | PROT_WRITE, flags, -1, 0);
      const link = `/proc/self/map_files/${at.toString(16)}-${(at + sizeBytes).toString(16)}`;
      const fd = b.call('openat', AT_FDCWD, link, O_RDWR, 0);
      b.call('dup3', fd, slot, 0);
      b.call('close', fd);
      b.call('munmap', at, sizeBytes);
    }
    b.run();
  }

  /**
   * Fills every object from its pagemap-shmem image: crit copies file to file, nothing passes through the puppet. Huge
   * pages the puppet has to map, and reads into.
   */
  #fillAll(): void {
    for (const object of this.#objects()) this.#fill(this.#root!, object);
  }

  #fill(root: Puppet, { slot, shmid, sizeBytes, huge }: MemoryObject): void {
    const runs = this.#runs.get(shmid);
    if (!runs) return;
    if (huge) {
      this.#fillMapped(root, slot, sizeBytes, runs);
      return;
    }
    const file = `/proc/${root.tid}/fd/${slot}`;
    const to = openSync(file, 'r+');
    try {
      copyRuns(this.#pages, runs, to, statSync(file).size, imageFileName('SHMEM_PAGEMAP', shmid));
    } finally {
      closeSync(to);
    }
  }

  #fillMapped(root: Puppet, slot: number, sizeBytes: number, runs: readonly StoredRun[]): void {
    const ids = new Set(runs.map(({ at }) => at.pagesId));
    const b = root.batch();
    using _doing = b.doing(`reading ${[...ids].map((id) => imageFileName('PAGES', id)).join(', ')}`);
    const at = b.call('mmap', 0, sizeBytes, PROT_READ | PROT_WRITE, MAP_SHARED, slot, 0);
    const sources = new Map<number, Ref>();
    this.#pages.openIn(b, ids, (_b, id, fd) => sources.set(id, fd));
    for (const run of runs) {
      const end = Math.min(run.end, sizeBytes);
      if (end <= run.start) continue;
      const iov = new BigUint64Array([BigInt(at.value + run.start), BigInt(end - run.start)]);
      b.call('vector', SYSCALLS.preadv, sources.get(run.at.pagesId)!, new Uint8Array(iov.buffer), 1, run.at.offset);
    }
    b.call('munmap', at, sizeBytes);
    for (const from of sources.values()) b.call('close', from);
    b.run();
  }
}
