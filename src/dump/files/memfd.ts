import { readShmSegments } from '../../kernel/proc/sysvipc.js';
import { FdTypes } from '../../image/generated/messages.js';
import type { FileKind } from './kind.js';
import { F_GET_SEALS, F_SEAL_SEAL } from '../../kernel/uapi/open-flags.js';
import { MFD_HUGETLB } from '../../kernel/uapi/mman.js';
import { closeSync, openSync } from 'node:fs';
import { answer, sysRaw } from '../../native/sys.js';
import { dumpShmem } from '../shmem.js';
import type { DumpContext } from '../context.js';
import { hugeFlagOf, isMemoryObject } from '../memory-objects.js';
import type { FileStat } from './file-stat.js';

const PREFIX = '/memfd:';
const DELETED = ' (deleted)';

/** The name a memfd was made with; of a shared anonymous mapping, "/dev/zero" or "/anon_hugepage". */
export function memfdName(link: string): string {
  const name = link.endsWith(DELETED) ? link.slice(0, -DELETED.length) : link;
  return name.startsWith(PREFIX) ? name.slice(PREFIX.length) : name;
}

/** memfd_create(2): the pages belong to the inode (memfd.img, pagemap-shmem-*.img). */
export const memfd: FileKind = {
  type: FdTypes.MEMFD,
  matches: ({ stat }) => isMemoryObject(stat),
  make: (files) => (file) => ({
    memfd: {
      id: file.id,
      flags: file.info.flags,
      pos: file.info.pos,
      fown: file.owner,
      inode_id: files.use(file, (fd) => files.memfdInode(memfdName(file.link), file.stat, fd)),
    },
  }),
};

interface Inode {
  id: number;
  name: string;
  stat: FileStat;
  shmid: number;
  seals: number;
  fd: number;
}

/** The shared memory objects of the tree: memfds, and what shared anonymous mappings are made of. */
export class SharedMemoryObjects implements Disposable {
  readonly #inodes = new Map<string, Inode>();
  /** Taken numbers: pages of System V segments are filed under theirs. */
  #taken: Set<number> | undefined;

  /** Notes an object. @param fd crit's own descriptor of it, which stays the caller's */
  add(name: string, stat: FileStat, fd: number): number {
    const key = `${stat.dev}:${stat.ino}`;
    const known = this.#inodes.get(key);
    if (known) return known.id;
    const seals = answer('fcntl', sysRaw('fcntl', fd, F_GET_SEALS), ['EINVAL']);
    // the image's number of it: the inode number, of which there are 32 bits
    let shmid = Number(stat.ino & 0xffffffffn);
    this.#taken ??= new Set(readShmSegments().keys());
    while (this.#taken.has(shmid) || shmid === 0) shmid = (shmid + 1) >>> 0;
    this.#taken.add(shmid);
    const inode = {
      id: this.#inodes.size + 1,
      name,
      stat,
      shmid,
      seals: seals ?? F_SEAL_SEAL,
      fd: openSync(`/proc/self/fd/${fd}`, 'r'),
    };
    this.#inodes.set(key, inode);
    return inode.id;
  }

  /** Writes memfd.img and the pages. */
  write(ctx: DumpContext, put: (message: object) => void): void {
    for (const { id, name, stat, shmid, seals, fd } of this.#inodes.values()) {
      const hugeFlag = hugeFlagOf(stat);
      dumpShmem(ctx, shmid, fd, hugeFlag !== 0);
      put({
        name,
        uid: stat.uid,
        gid: stat.gid,
        size: stat.sizeBytes,
        shmid,
        seals,
        inode_id: BigInt(id),
        mode: stat.mode,
        ...(hugeFlag && { hugetlb_flag: MFD_HUGETLB | hugeFlag }),
      });
    }
  }

  [Symbol.dispose](): void {
    for (const { fd } of this.#inodes.values()) closeSync(fd);
    this.#inodes.clear();
  }
}
