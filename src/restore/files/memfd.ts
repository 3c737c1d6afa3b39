import { imageFileName } from '../../image/catalogue.js';
import { CritError } from '../../image/errors.js';
import type { MemfdInodeEntry } from '../../image/generated/messages.js';
import { MAP_HUGE_MASK, MFD_ALLOW_SEALING, MFD_HUGE_SHIFT, MFD_HUGETLB } from '../../kernel/uapi/mman.js';
import {
  AT_FDCWD,
  F_ADD_SEALS,
  F_SEAL_SEAL,
  F_SEAL_WRITE,
  O_ACCMODE,
  O_RDONLY,
  O_RDWR,
  SEEK_SET,
} from '../../kernel/uapi/open-flags.js';
import { S_IALLUGO } from '../../kernel/uapi/stat.js';
import type { Batch } from '../../task/batch.js';
import type { MemoryObject } from '../shared-memory.js';
import type { Part } from '../part.js';
import type { Files } from './group.js';
import { pathBytes } from '../../image/path-bytes.js';
import { openFlags, place, setFlags } from './place.js';

/** MFD_HUGETLB and the size of the pages. */
const HUGE_FLAGS = MFD_HUGETLB | (MAP_HUGE_MASK << MFD_HUGE_SHIFT);

interface Inode {
  entry: MemfdInodeEntry;
  /** Where the descriptor waits that the memfd was made with. */
  base: number;
  /** That descriptor was given to the tree. */
  given: boolean;
  /** Another descriptor of it, for mappings that never write. */
  readOnly: number | undefined;
}

/** memfd_create(2), and shared anonymous mappings, which the images have as memfds. Pages are filled by who asks `objects`. */
export class Memfds {
  readonly #files: Files;
  readonly #entries = new Map<bigint, MemfdInodeEntry>();
  readonly #inodes = new Map<number, Inode>();
  readonly #opened: number[] = [];

  constructor(files: Files) {
    this.#files = files;
    for (const message of files.images.dir.messages('MEMFD_INODE') ?? []) this.#entries.set(message.inode_id, message);
  }

  /** Has a memfd opened that a descriptor refers to. */
  addDescriptor(id: number): void {
    this.#inode(id);
    this.#files.slot(id);
    this.#opened.push(id);
  }

  /** @returns the slot to make a mapping of; @param flags what the mapped description was opened with */
  addMapping(id: number, flags: number): number {
    const inode = this.#inode(id);
    // a writable descriptor would make a mapping that keeps the seal from being set
    const sealed = (inode.entry.seals & F_SEAL_WRITE) !== 0;
    if ((flags & O_ACCMODE) === O_RDWR && !sealed) return inode.base;
    return (inode.readOnly ??= this.#files.reserve());
  }

  #inode(id: number): Inode {
    const number = this.#files.images.byId.get(id)?.memfd?.inode_id;
    const known = number === undefined ? undefined : this.#inodes.get(number);
    if (known) return known;
    const entry = number === undefined ? undefined : this.#entries.get(BigInt(number));
    if (!entry)
      throw new CritError(
        `${imageFileName('FILES')}: file ${id}: there is no memfd inode ${number ?? ''} in ${imageFileName('MEMFD_INODE')}`,
        { code: 'BAD_IMAGE' },
      );
    const inode = { entry, base: this.#files.reserve(), given: false, readOnly: undefined };
    this.#inodes.set(number!, inode);
    return inode;
  }

  /** The memfds, for filling them. */
  objects(): MemoryObject[] {
    return [...this.#inodes.values()].map(({ entry, base }) => ({
      slot: base,
      shmid: entry.shmid,
      sizeBytes: Number(entry.size),
      huge: ((entry.hugetlb_flag ?? 0) & MFD_HUGETLB) !== 0,
    }));
  }

  /** As a part of the restore. */
  part(): Part {
    return {
      name: 'memfds',
      at: {
        open: ({ b }) => {
          this.#open(b);
        },
        live: ({ b }) => {
          this.#seal(b);
        },
      },
      planLines: () => this.#planLines(),
    };
  }

  #open(b: Batch): void {
    for (const { entry, base, readOnly } of this.#inodes.values()) {
      using _doing = b.doing(`making memfd ${entry.name}`);
      const sealable = entry.seals === F_SEAL_SEAL ? 0 : MFD_ALLOW_SEALING;
      const huge = (entry.hugetlb_flag ?? 0) & HUGE_FLAGS;
      place(b, b.call('memfd_create', pathBytes(entry.name), (sealable | huge) >>> 0), base);
      if (entry.size) b.call('ftruncate', base, entry.size);
      if (entry.uid || entry.gid) b.call('fchown', base, entry.uid, entry.gid);
      if (entry.mode !== undefined) b.call('fchmod', base, entry.mode & S_IALLUGO);
      if (readOnly !== undefined) place(b, b.call('openat', AT_FDCWD, `/proc/self/fd/${base}`, O_RDONLY, 0), readOnly);
    }
    for (const id of this.#opened) {
      const { flags, pos } = this.#files.images.byId.get(id)!.memfd!;
      const slot = this.#files.slot(id);
      const inode = this.#inode(id);
      if ((flags & O_ACCMODE) === O_RDWR && !inode.given) {
        inode.given = true;
        b.call('dup3', inode.base, slot, 0);
        setFlags(b, slot, flags);
      } else place(b, b.call('openat', AT_FDCWD, `/proc/self/fd/${inode.base}`, openFlags(flags), 0), slot);
      if (pos) b.call('lseek', slot, pos, SEEK_SET);
    }
  }

  /** Seals forbid what the restore itself does: they come last. */
  #seal(b: Batch): void {
    for (const { entry, base } of this.#inodes.values()) {
      if (entry.seals === F_SEAL_SEAL || entry.seals === 0) continue;
      using _doing = b.doing(`sealing memfd ${entry.name}`);
      b.call('fcntl', base, F_ADD_SEALS, entry.seals);
    }
  }

  #planLines(): string[] {
    return [...this.#inodes.values()].map(
      ({ entry }) => `memfd ${entry.name}: ${entry.size} bytes, seals 0x${entry.seals.toString(16)}`,
    );
  }
}
