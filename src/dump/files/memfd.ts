import { FdTypes } from '../../image/generated/messages.js';
import type { FileKind } from './description.js';
import { F_GET_SEALS, F_SEAL_SEAL } from '../../kernel/uapi/open-flags.js';
import { MAP_HUGE_SHIFT, MFD_CLOEXEC, MFD_HUGETLB } from '../../kernel/uapi/mman.js';
import { closeSync, openSync } from 'node:fs';
import { hugePageSizes } from '../../kernel/proc/system-files.js';
import { answer, cString, sysRaw } from '../../native/sys.js';
import { dumpShmem } from '../shmem.js';
import type { DumpContext } from '../context.js';
import { statFd, type FileStat } from './file-stat.js';

const PREFIX = '/memfd:';
const DELETED = ' (deleted)';

let devices: ReadonlyMap<bigint, number> | undefined;

/**
 * The kernel's own file systems, where memfds and shared anonymous mappings are: a tmpfs and, for each size of huge pages,
 * a hugetlbfs. Their devices, and of each what tells the size of its pages, as mmap(2) takes it (MAP_HUGE_2MB); 0 for the
 * usual size.
 */
function memoryDevices(): ReadonlyMap<bigint, number> {
  if (!devices) {
    const found = new Map<bigint, number>();
    const probe = (hugeFlag: number) => {
      const fd = sysRaw('memfd_create', cString('crit-probe'), MFD_CLOEXEC | (hugeFlag && MFD_HUGETLB | hugeFlag));
      if (answer('memfd_create', fd, hugeFlag ? ['EINVAL', 'ENODEV', 'ENOSYS', 'EPERM'] : []) === undefined) return;
      found.set(statFd(fd).dev, hugeFlag);
      closeSync(fd);
    };
    probe(0);
    for (const sizeBytes of hugePageSizes()) probe((Math.log2(sizeBytes) << MAP_HUGE_SHIFT) >>> 0);
    devices = found;
  }
  return devices;
}

/** True for memfds and what shared anonymous mappings are made of. */
export function isMemoryObject({ dev }: Pick<FileStat, 'dev'>): boolean {
  return memoryDevices().has(dev);
}

/** The mmap flag that tells the size of a memory object's pages (MAP_HUGE_2MB); 0 for the usual size. */
export function hugeFlagOf({ dev }: Pick<FileStat, 'dev'>): number {
  return memoryDevices().get(dev) ?? 0;
}

/** The name a memfd was made with; of a shared anonymous mapping, "/dev/zero" or "/anon_hugepage". */
export function memfdName(link: string): string {
  const name = link.endsWith(DELETED) ? link.slice(0, -DELETED.length) : link;
  return name.startsWith(PREFIX) ? name.slice(PREFIX.length) : name;
}

/** memfd_create(2): the pages belong to the inode (memfd.img, pagemap-shmem-*.img). */
export const memfd: FileKind = {
  type: FdTypes.MEMFD,
  matches: ({ stat }) => isMemoryObject(stat),
  describe: (file, files) => ({
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
  readonly #shmids = new Set<number>();

  /** Notes an object. @param fd crit's own descriptor of it, which stays the caller's */
  add(name: string, stat: FileStat, fd: number): number {
    const key = `${stat.dev}:${stat.ino}`;
    const known = this.#inodes.get(key);
    if (known) return known.id;
    const seals = answer('fcntl', sysRaw('fcntl', fd, F_GET_SEALS), ['EINVAL']);
    // the image's number of it: the inode number, of which there are 32 bits
    let shmid = Number(stat.ino & 0xffffffffn);
    while (this.#shmids.has(shmid) || shmid === 0) shmid = (shmid + 1) >>> 0;
    this.#shmids.add(shmid);
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
