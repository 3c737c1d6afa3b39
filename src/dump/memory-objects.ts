import { closeSync } from 'node:fs';
import { hugePageSizes } from '../kernel/proc/system-files.js';
import { MAP_HUGE_SHIFT, MFD_CLOEXEC, MFD_HUGETLB } from '../kernel/uapi/mman.js';
import { answer, cString, sysRaw } from '../native/sys.js';
import { statFd, type FileStat } from './files/file-stat.js';

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
