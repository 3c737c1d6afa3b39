import type { PagemapEntry, VmaEntry } from '../../image/generated/messages.js';
import { MAP_GROWSDOWN } from '../../kernel/uapi/mman.js';
import { nrPages, pageFlags } from '../../image/pagemap.js';
import { PAGE_SIZE, PE, VMA } from '../../image/vma-status.js';
import type { TolerantImages } from '../tolerant-images.js';

/** What a mapping is to its process. */
export type MemoryKind =
  'heap' | 'stack' | 'anonymous' | 'file' | 'shared file' | 'shared memory' | 'SysV' | 'memfd' | 'kernel' | 'other';

/** Mappings of one kind, in bytes. */
export interface KindBytes {
  readonly kind: MemoryKind;
  readonly mappings: number;
  /** Address space. */
  readonly sizeBytes: number;
  /** Pages whose bytes are in this set. */
  readonly inImagesBytes: number;
  /** Pages whose bytes are in a set before it. */
  readonly inParentBytes: number;
}

/** The memory of a process, or of all. */
export interface MemoryInfo {
  readonly kinds: readonly KindBytes[];
  readonly sizeBytes: number;
  readonly inImagesBytes: number;
  readonly inParentBytes: number;
}

/** What a mapping is to its process. */
export function memoryKind({ status, flags }: VmaEntry): MemoryKind {
  if (status & (VMA.VDSO | VMA.VVAR | VMA.VSYSCALL)) return 'kernel';
  if (status & VMA.SYSVIPC) return 'SysV';
  if (status & VMA.MEMFD) return 'memfd';
  if (status & VMA.ANON_SHARED) return 'shared memory';
  if (status & VMA.FILE_SHARED) return 'shared file';
  if (status & VMA.FILE_PRIVATE) return 'file';
  if (status & VMA.HEAP) return 'heap';
  if (status & VMA.STACK || flags & MAP_GROWSDOWN) return 'stack';
  return status & VMA.ANON_PRIVATE ? 'anonymous' : 'other';
}

type Counted = { -readonly [K in keyof KindBytes]: KindBytes[K] };

/** Adds kinds up by name. */
export function sumMemory(parts: Iterable<readonly KindBytes[]>): MemoryInfo {
  const kinds = new Map<MemoryKind, Counted>();
  for (const part of parts)
    for (const one of part) {
      const sum = kinds.get(one.kind);
      if (!sum) kinds.set(one.kind, { ...one });
      else {
        sum.mappings += one.mappings;
        sum.sizeBytes += one.sizeBytes;
        sum.inImagesBytes += one.inImagesBytes;
        sum.inParentBytes += one.inParentBytes;
      }
    }
  const total = (field: 'sizeBytes' | 'inImagesBytes' | 'inParentBytes') =>
    [...kinds.values()].reduce((sum, kind) => sum + kind[field], 0);
  return {
    kinds: [...kinds.values()].sort((a, b) => b.sizeBytes - a.sizeBytes),
    sizeBytes: total('sizeBytes'),
    inImagesBytes: total('inImagesBytes'),
    inParentBytes: total('inParentBytes'),
  };
}

/** The memory of a process by kind; nothing for a zombie. */
export function memoryOf(images: TolerantImages, pid: number): MemoryInfo {
  const vmas = images.first('MM', pid)?.vmas ?? images.messages('VMAS', pid) ?? [];
  const counted = vmas.map((vma): Counted => {
    const sizeBytes = Number(BigInt.asUintN(64, vma.end - vma.start));
    return { kind: memoryKind(vma), mappings: 1, sizeBytes, inImagesBytes: 0, inParentBytes: 0 };
  });
  let at = 0;
  let isHead = true;
  for (const message of images.each('PAGEMAP', pid)) {
    if (isHead) {
      isHead = false;
      continue;
    }
    const entry = message as PagemapEntry;
    const flags = pageFlags(entry);
    const end = entry.vaddr + nrPages(entry) * BigInt(PAGE_SIZE);
    while (at < vmas.length && vmas[at]!.end <= entry.vaddr) at++;
    // a run may go over several mappings that touch
    for (let i = at; i < vmas.length && vmas[i]!.start < end; i++) {
      const { start: from, end: to } = vmas[i]!;
      const bytes = Number((to < end ? to : end) - (from > entry.vaddr ? from : entry.vaddr));
      if (flags & PE.PRESENT) counted[i]!.inImagesBytes += bytes;
      else if (flags & PE.PARENT) counted[i]!.inParentBytes += bytes;
    }
  }
  return sumMemory([counted]);
}
