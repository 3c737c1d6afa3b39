import type { ImageDir } from '../encode/image-dir.js';
import type { VmaEntry } from '../image/generated/messages.js';
import { FileNames } from './file-names.js';
import { VMA } from '../image/vma-status.js';
import { MAP_GROWSDOWN } from '../kernel/uapi/mman.js';
import { tasksOf } from './tasks.js';

/** One mapping of a task. */
export interface TaskVma {
  readonly start: bigint;
  readonly end: bigint;
  /** As in /proc/PID/maps: r, w, x or -. */
  readonly prot: string;
  readonly kind: 'sysvipc' | 'shmem' | 'packet' | 'file' | 'stack' | 'vsyscall' | 'vdso' | 'growsdown' | 'anon';
  /** For sysvipc, shmem and packet: from 1 up, the same number for the same object in all tasks. */
  readonly object: number | undefined;
  /** For a file: its path. */
  readonly path: string | undefined;
  /** Offset in the file, in bytes. */
  readonly pgoff: bigint;
  /** A file mapped MAP_SHARED. */
  readonly shared: boolean;
  /** Kept in the images (VMA_AREA_REGULAR); others are made by the kernel. */
  readonly regular: boolean;
  readonly status: number;
}

/** The address space of one task; exe and vmas are empty for a zombie. */
export interface TaskMemory {
  readonly pid: number;
  readonly exe: string | undefined;
  readonly vmas: readonly TaskVma[];
}

/** Numbers shared objects in the order they are met, from 1 up. */
class ObjectNumbers {
  readonly #numbers = new Map<bigint, number>();
  of(id: bigint): number {
    let number = this.#numbers.get(id);
    if (number === undefined) {
      number = this.#numbers.size + 1;
      this.#numbers.set(id, number);
    }
    return number;
  }
}

function kindOf({ status, flags }: VmaEntry): TaskVma['kind'] {
  if (status & VMA.SYSVIPC) return 'sysvipc';
  if (status & VMA.ANON_SHARED) return 'shmem';
  if (status & VMA.SOCKET) return 'packet';
  if (status & (VMA.FILE_PRIVATE | VMA.FILE_SHARED)) return 'file';
  if (status & VMA.STACK) return 'stack';
  if (status & VMA.VSYSCALL) return 'vsyscall';
  if (status & VMA.VDSO) return 'vdso';
  return flags & MAP_GROWSDOWN ? 'growsdown' : 'anon';
}

const protText = (prot: number): string => `${prot & 1 ? 'r' : '-'}${prot & 2 ? 'w' : '-'}${prot & 4 ? 'x' : '-'}`;

/** A mapping in words. @param names the files of the set it is in */
export function describeVma(vma: VmaEntry, names: FileNames, numbers = new ObjectNumbers()): TaskVma {
  const kind = kindOf(vma);
  return {
    start: vma.start,
    end: vma.end,
    prot: protText(vma.prot),
    kind,
    object: kind === 'sysvipc' || kind === 'shmem' || kind === 'packet' ? numbers.of(vma.shmid) : undefined,
    path: kind === 'file' ? names.path(Number(vma.shmid)) : undefined,
    pgoff: vma.pgoff,
    shared: (vma.status & VMA.FILE_SHARED) !== 0,
    regular: (vma.status & VMA.REGULAR) !== 0,
    status: vma.status,
  };
}

/** Per task in the order of pstree.img. */
export function taskMemory(images: ImageDir): readonly TaskMemory[] {
  const names = new FileNames(images);
  const numbers = new ObjectNumbers();
  return tasksOf(images).map(({ pid }) => {
    const mm = images.first('MM', pid);
    return {
      pid,
      exe: mm && names.path(mm.exe_file_id),
      vmas: (mm?.vmas ?? []).map((vma) => describeVma(vma, names, numbers)),
    };
  });
}
