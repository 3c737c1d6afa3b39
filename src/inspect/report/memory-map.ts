import type { VmaEntry } from '../../image/generated/messages.js';
import { PAGE_SIZE, VMA } from '../../image/vma-status.js';
import { MADV_HUGEPAGE, MAP_GROWSDOWN, MAP_HUGETLB, MAP_LOCKED } from '../../kernel/uapi/mman.js';
import { openAddressSpace, type AddressSpace } from '../address-space/address-space.js';
import type { Mapping, MemorySource } from '../address-space/memory-run.js';
import type { Checkpoint } from '../checkpoint.js';
import { memoryKind, type MemoryKind } from '../overview/memory.js';
import type { TolerantImages } from '../tolerant-images.js';
import { RunText, type RunKind } from './run-text.js';

/** A mapping with what its pages are. */
export interface MappingMap {
  readonly start: bigint;
  readonly pages: number;
  /** r, w, x or -. */
  readonly prot: string;
  readonly kind: MemoryKind;
  /** A path, [heap], [stack], [vdso]; absent for what has none. */
  readonly name?: string;
  /** shared, huge, locked, grows down, sealed. */
  readonly marks?: readonly string[];
  /** Runs of pages by address, as RunText has them. */
  readonly runs: string;
}

/** The address space of a process. */
export interface MemoryMap {
  readonly mappings: readonly MappingMap[];
  /** So many mappings are not listed; their pages. */
  readonly left?: { readonly mappings: number; readonly pages: number };
  /** Pages of several kinds are taken together. */
  readonly isCoarse?: true;
}

/** How much of an address space a map may tell. */
export interface MapBounds {
  readonly mappings: number;
  /** Of all mappings of a process. */
  readonly runs: number;
}

const NONE: Readonly<Record<(MemorySource & { kind: 'none' })['why'], RunKind>> = {
  unmapped: 'x',
  kernel: 'k',
  guard: 'g',
  file: 'f',
  'beyond-end': 'e',
  lazy: 'l',
  lost: 'x',
};

function kindOf(source: MemorySource): RunKind {
  if (source.kind === 'image') return source.depth === 0 ? 'i' : 'p';
  if (source.kind === 'none') return NONE[source.why];
  return source.kind === 'zero' ? 'z' : 'f';
}

const MADV_HUGEPAGE_BIT = 1n << BigInt(MADV_HUGEPAGE);

function marksOf({ status, flags, madv = 0n, sealed }: VmaEntry): string[] {
  return [
    ...(status & (VMA.FILE_SHARED | VMA.ANON_SHARED | VMA.SYSVIPC) ? ['shared'] : []),
    ...(flags & MAP_HUGETLB || madv & MADV_HUGEPAGE_BIT ? ['huge'] : []),
    ...(flags & MAP_LOCKED ? ['locked'] : []),
    ...(flags & MAP_GROWSDOWN ? ['grows down'] : []),
    ...(sealed ? ['sealed'] : []),
  ];
}

const pagesOf = ({ start, end }: Mapping): number => Number((end - start) / BigInt(PAGE_SIZE));

/** Those that are told: the largest, in the order of addresses. */
function chosen(mappings: readonly Mapping[], most: number): readonly Mapping[] {
  if (mappings.length <= most) return mappings;
  const largest = new Set([...mappings].sort((a, b) => pagesOf(b) - pagesOf(a)).slice(0, most));
  return mappings.filter((mapping) => largest.has(mapping));
}

function mapOf(space: AddressSpace, entries: readonly VmaEntry[], bounds: MapBounds): MemoryMap {
  const byStart = new Map(entries.map((entry) => [entry.start, entry]));
  const told = chosen(space.mappings, bounds.mappings);
  const limit = Math.max(8, Math.floor(bounds.runs / Math.max(1, told.length)));
  let coarse = 0;
  const mappings = told.map((mapping): MappingMap => {
    const { start, end, prot, name } = mapping;
    const runs = new RunText(limit);
    for (const run of space.runs(start, end))
      runs.add(kindOf(run.source), Number((run.end - run.start) / BigInt(PAGE_SIZE)));
    if (runs.isCoarse) coarse++;
    const entry = byStart.get(start);
    const marks = entry ? marksOf(entry) : [];
    return {
      start,
      pages: pagesOf(mapping),
      prot,
      kind: entry ? memoryKind(entry) : 'other',
      ...(name !== '' && { name }),
      ...(marks.length > 0 && { marks }),
      runs: runs.toString(),
    };
  });
  const pages = (list: readonly Mapping[]) => list.reduce((sum, mapping) => sum + pagesOf(mapping), 0);
  const left = { mappings: space.mappings.length - told.length, pages: pages(space.mappings) - pages(told) };
  return { mappings, ...(left.mappings > 0 && { left }), ...(coarse > 0 && { isCoarse: true as const }) };
}

/** The memory of a process; undefined where it has none, or the images do not tell. What is wrong with them is a problem. */
export function memoryMap(
  checkpoint: Checkpoint,
  images: TolerantImages,
  pid: number,
  bounds: MapBounds,
): MemoryMap | undefined {
  if (!images.has('MM', pid)) return undefined;
  return images.attempt(() => {
    using space = openAddressSpace({ ...checkpoint, images }, pid, { root: null });
    const map = mapOf(space, space.mm.vmas ?? images.messages('VMAS', pid) ?? [], bounds);
    for (const line of space.warnings) images.problem(line);
    return map;
  });
}
