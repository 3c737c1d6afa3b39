import type { Messages } from '../image/generated/messages.js';
import type { StoredRun } from '../image/pagemap.js';
import { VMA } from '../image/vma-status.js';
import { TASK_SIZE } from '../arch/index.js';
import {
  MADV_DODUMP,
  MADV_DONTDUMP,
  MADV_DONTFORK,
  MADV_DONTNEED,
  MADV_GUARD_INSTALL,
  MADV_HUGEPAGE,
  MADV_MERGEABLE,
  MADV_NOHUGEPAGE,
  MADV_NORMAL,
  MADV_RANDOM,
  MADV_SEQUENTIAL,
  MADV_UNMERGEABLE,
  MADV_WIPEONFORK,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_GROWSDOWN,
  MAP_LOCKED,
  MAP_NORESERVE,
  MAP_PRIVATE,
  MAP_SHARED,
  MLOCK_ONFAULT,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
  SHM_RDONLY,
} from '../kernel/uapi/mman.js';
import { O_ACCMODE, O_RDONLY } from '../kernel/uapi/open-flags.js';
import { ARCH_MAP_VDSO_64, PR_SET_MM, PR_SET_MM_MAP } from '../kernel/uapi/prctl.js';
import type { Batch } from '../task/batch.js';
import { isAioRing, type AioContext } from './aio.js';
import { restoreRangePolicies } from './mempolicy.js';
import type { Vma } from './address-space.js';
import { clip, gaps, joined } from '../pages/runs.js';

const MAP_KEPT = 0x1 | 0x2 | 0x8 | MAP_ANONYMOUS | MAP_GROWSDOWN | 0x4000 | 0x40000 | (0x3f << 26);

/** The memory of a task: what to map and which pages to fill. */
export interface MemoryImage {
  mm: Messages['mm_entry'];
  vmas: readonly Vma[];
  /** Pages that no access may touch. */
  guards: readonly { start: number; end: number }[];
  runs: readonly StoredRun[];
  aioContexts: readonly AioContext[];
  /** Descriptor, in the puppets, of the program. */
  exeFd: number;
}

/** The control area, which stays until the end. */
interface AreaRange {
  readonly base: number;
  readonly sizeBytes: number;
}

/** True for mappings whose bytes are the task's own. */
function isPrivate(vma: Vma): boolean {
  return (vma.entry.flags & MAP_SHARED) === 0 && (vma.entry.status & (VMA.VDSO | VMA.VVAR | VMA.AIORING)) === 0;
}

/** What keeps its place until its process makes it: the ring of an AIO context, an io_uring's. */
const isMadeLate = (vma: Vma) => isAioRing(vma) || vma.ring !== undefined;

const isVdso = (vma: Vma) => (vma.entry.status & (VMA.VDSO | VMA.VVAR)) !== 0;

/** Unmaps everything but the control area and the given ranges (ordered). */
function unmapOthers(b: Batch, area: AreaRange, keep: readonly { start: number; end: number }[]): void {
  const kept = [...keep, { start: area.base, end: area.base + area.sizeBytes }].sort((x, y) => x.start - y.start);
  let at = 0;
  for (const range of kept) {
    if (range.start > at) b.call('munmap', at, range.start - at);
    at = Math.max(at, range.end);
  }
  if (at < TASK_SIZE) b.call('munmap', at, TASK_SIZE - at);
}

function mapVma(b: Batch, vma: Vma, prot: number): void {
  if (vma.segment !== undefined) {
    attach(b, vma, vma.segment);
    return;
  }
  const { entry } = vma;
  if (isMadeLate(vma)) {
    // until its process makes it
    const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
    b.call('mmap', vma.start, vma.end - vma.start, 0, flags, -1, 0);
    return;
  }
  let flags = (entry.flags & MAP_KEPT) | MAP_FIXED;
  if (vma.fd < 0) flags |= MAP_ANONYMOUS;
  else flags &= ~MAP_ANONYMOUS;
  if (!(flags & (MAP_SHARED | MAP_PRIVATE | 0x8))) flags |= MAP_PRIVATE;
  using _doing = b.doing(`mapping ${vma.start.toString(16)}-${vma.end.toString(16)}`);
  b.call('mmap', vma.start, vma.end - vma.start, prot, flags, vma.fd, vma.fd < 0 ? 0 : entry.pgoff);
}

/**
 * Maps what will be filled, if there are pages. Code of a file is never mapped writable: the kernel would not look for
 * uprobes in it, and the breakpoints that are in its pages would be the program's own.
 * @returns whether it is writable only for now
 */
function mapToFill(b: Batch, vma: Vma, filled: boolean): boolean {
  const { prot, status } = vma.entry;
  const needWrite = filled && (prot & PROT_WRITE) === 0;
  const code = (prot & PROT_EXEC) !== 0 && (status & VMA.FILE_PRIVATE) !== 0;
  mapVma(b, vma, needWrite && !code ? prot | PROT_WRITE : prot);
  if (needWrite && code) b.call('mprotect', vma.start, vma.end - vma.start, prot | PROT_WRITE);
  return needWrite;
}

/** Attaches a segment of System V shared memory (shmat(2)): as a whole; where a part is mapped, it is moved from there. */
function attach(b: Batch, { start, end, entry }: Vma, segment: NonNullable<Vma['segment']>): void {
  const { id, sizeBytes } = segment;
  using _doing = b.doing(`attaching segment ${id} at ${start.toString(16)}`);
  const { prot, fdflags } = entry;
  const readOnly = fdflags === undefined ? (prot & PROT_WRITE) === 0 : (fdflags & O_ACCMODE) === O_RDONLY;
  const offset = Number(entry.pgoff);
  const flags = readOnly ? SHM_RDONLY : 0;
  if (offset === 0 && sizeBytes === end - start) b.call('shmat', id, start, flags);
  else {
    const at = b.call('shmat', id, 0, flags);
    b.run();
    b.call('mremap', at.value + offset, end - start, end - start, MREMAP_MAYMOVE | MREMAP_FIXED, start);
    if (offset > 0) b.call('munmap', at.value, offset);
    if (offset + end - start < sizeBytes)
      b.call('munmap', at.value + offset + end - start, sizeBytes - offset - (end - start));
  }
  if (prot !== (readOnly ? PROT_READ : PROT_READ | PROT_WRITE)) b.call('mprotect', start, end - start, prot);
}

function mapVdso(b: Batch, vdso: Vma): void {
  using _doing = b.doing('mapping the vDSO where it was');
  b.call('arch_prctl', ARCH_MAP_VDSO_64, vdso.start);
}

/** madvise flags that steer how pages are filled go first; those that fork looks at go last (`late`). */
function advise(b: Batch, vma: Vma, late: boolean): void {
  const madv = vma.entry.madv ?? 0n;
  if (madv === 0n || isVdso(vma)) return;
  for (let advice = 0; advice < 64; advice++) {
    if (!((madv >> BigInt(advice)) & 1n)) continue;
    if ((advice === MADV_DONTFORK || advice === MADV_WIPEONFORK) !== late) continue;
    using _doing = b.doing(`madvise of ${vma.start.toString(16)}-${vma.end.toString(16)}`);
    b.call('madvise', vma.start, vma.end - vma.start, advice);
  }
}

/** Advice that fork hands on and madvise can take back, and how. */
const TAKEN_BACK: readonly (readonly [advice: number, by: number])[] = [
  [MADV_RANDOM, MADV_NORMAL],
  [MADV_SEQUENTIAL, MADV_NORMAL],
  [MADV_MERGEABLE, MADV_UNMERGEABLE],
  [MADV_DONTDUMP, MADV_DODUMP],
];
/** Advice that fork hands on and nothing takes back: the one can only become the other. */
const FOR_GOOD = (1n << BigInt(MADV_HUGEPAGE)) | (1n << BigInt(MADV_NOHUGEPAGE));

/** Takes back the advice that a mapping brings from the forker, where it has none of it itself. */
function unadvise(b: Batch, from: Vma, vma: Vma): void {
  const extra = (from.entry.madv ?? 0n) & ~(vma.entry.madv ?? 0n);
  if (extra === 0n) return;
  using _doing = b.doing(`madvise of ${vma.start.toString(16)}-${vma.end.toString(16)}`);
  for (const [advice, by] of TAKEN_BACK)
    if ((extra >> BigInt(advice)) & 1n) b.call('madvise', vma.start, vma.end - vma.start, by);
}

/** What is left to do when all mappings are there. */
export interface Pending {
  /** Pages of fresh mappings, joined over mapping borders. */
  read: StoredRun[];
  /** Pages of mappings that a fork brought along. */
  compare: StoredRun[];
  /** Protections to set when the pages are in. */
  protect: { start: number; end: number; prot: number }[];
}

/** Maps the root's memory in a puppet that has nothing of its own to keep. */
export function buildMemory(b: Batch, area: AreaRange, image: MemoryImage): Pending {
  unmapOthers(b, area, []);
  const vdso = image.vmas.find(isVdso);
  if (vdso) mapVdso(b, vdso);
  const runs: StoredRun[] = [];
  const protect: Vma[] = [];
  for (const vma of image.vmas) {
    if (isVdso(vma)) continue;
    const mine = isPrivate(vma) ? clip(image.runs, vma.start, vma.end) : [];
    const needWrite = mapToFill(b, vma, mine.length > 0);
    if (!isMadeLate(vma)) advise(b, vma, false);
    runs.push(...mine);
    if (needWrite) protect.push(vma);
  }
  return {
    read: joined(runs),
    compare: [],
    protect: protect.map((vma) => ({ start: vma.start, end: vma.end, prot: vma.entry.prot })),
  };
}

/** Same kind of memory at the same place of the file: pages of one can stay when it becomes the other. */
function compatible(a: Vma, c: Vma): boolean {
  const mask = MAP_KEPT;
  const file = VMA.FILE_PRIVATE | VMA.FILE_SHARED | VMA.ANON_SHARED | VMA.MEMFD | VMA.ANON_PRIVATE | VMA.SYSVIPC;
  return (
    (a.entry.flags & mask) === (c.entry.flags & mask) &&
    (a.entry.status & file) === (c.entry.status & file) &&
    a.entry.shmid === c.entry.shmid &&
    ((a.entry.madv ?? 0n) & ~(c.entry.madv ?? 0n) & FOR_GOOD) === 0n &&
    ((a.entry.status & (VMA.FILE_PRIVATE | VMA.FILE_SHARED | VMA.ANON_SHARED)) === 0 ||
      a.entry.pgoff - a.entry.start === c.entry.pgoff - c.entry.start)
  );
}

/**
 * Turns the memory that a fork inherited from `from` into `image`. Mappings that both have are kept, so that equal
 * pages stay shared copy-on-write; pages that differ are filled, pages that the image lacks are dropped.
 */
export function adaptMemory(b: Batch, area: AreaRange, from: MemoryImage, image: MemoryImage): Pending {
  const keep: { start: number; end: number; vma: Vma; old: Vma }[] = [];
  const fresh: Vma[] = [];
  let at = 0;
  const vdso = image.vmas.find(isVdso);
  const sameVdso = vdso?.start === from.vmas.find(isVdso)?.start;
  for (const vma of image.vmas) {
    while (at < from.vmas.length && from.vmas[at]!.end <= vma.start) at++;
    const old = from.vmas[at];
    if (isVdso(vma)) {
      if (sameVdso) keep.push({ start: vma.start, end: vma.end, vma, old: vma });
    } else if (
      old &&
      !isVdso(old) &&
      !isMadeLate(old) &&
      !isMadeLate(vma) &&
      old.start <= vma.start &&
      compatible(old, vma)
    )
      keep.push({ start: vma.start, end: Math.min(old.end, vma.end), vma, old });
    else fresh.push(vma);
  }
  unmapOthers(b, area, keep);
  const read: StoredRun[] = [];
  const compare: StoredRun[] = [];
  const protect: { start: number; end: number; prot: number }[] = [];
  for (const { start, end, vma, old } of keep) {
    if (isVdso(vma)) continue;
    if (end < vma.end) {
      // it grew after the fork, as a heap does
      b.call('mremap', start, end - start, vma.end - start, 0);
      if (isPrivate(vma)) read.push(...clip(image.runs, end, vma.end));
    }
    unadvise(b, old, vma);
    advise(b, vma, false);
    const mine = isPrivate(vma) ? clip(image.runs, start, end) : [];
    let prot = old.entry.prot;
    if (mine.length > 0 || (end < vma.end && isPrivate(vma))) {
      const wanted = PROT_READ | PROT_WRITE;
      if ((prot & wanted) !== wanted) {
        prot |= wanted;
        b.call('mprotect', vma.start, vma.end - vma.start, prot);
      }
      compare.push(...mine);
    }
    if (prot !== vma.entry.prot) protect.push({ start: vma.start, end: vma.end, prot: vma.entry.prot });
    if (isPrivate(vma))
      for (const gap of gaps(image.runs, start, end))
        if (clip(from.runs, gap.start, gap.end).length > 0)
          b.call('madvise', gap.start, gap.end - gap.start, MADV_DONTNEED);
  }
  if (vdso && !sameVdso) mapVdso(b, vdso);
  for (const vma of fresh) {
    const mine = isPrivate(vma) ? clip(image.runs, vma.start, vma.end) : [];
    const needWrite = mapToFill(b, vma, mine.length > 0);
    if (!isMadeLate(vma)) advise(b, vma, false);
    read.push(...mine);
    if (needWrite) protect.push({ start: vma.start, end: vma.end, prot: vma.entry.prot });
  }
  return { read: joined(read.sort((x, y) => x.start - y.start)), compare: joined(compare), protect };
}

/** What fork would act on, locks, which fork drops, and seals: set when all children are there. */
export function finishMemory(b: Batch, image: MemoryImage): void {
  for (const { start, end } of image.guards) {
    using _doing = b.doing(`guard pages ${start.toString(16)}-${end.toString(16)}`);
    b.call('madvise', start, end - start, MADV_GUARD_INSTALL);
  }
  for (const vma of image.vmas) {
    if (isMadeLate(vma)) advise(b, vma, false);
    advise(b, vma, true);
    if (!(vma.entry.flags & MAP_LOCKED)) continue;
    // CRIU's images do not say how it was locked: with pages missing it was on fault.
    const guarded = image.guards.some((guard) => guard.start < vma.end && guard.end > vma.start);
    const whole =
      !vma.entry.locked_on_fault && !guarded && (gaps(image.runs, vma.start, vma.end).length === 0 || !isPrivate(vma));
    using _doing = b.doing(`locking ${vma.start.toString(16)}-${vma.end.toString(16)}`);
    // of what may not be touched no page can be had: the call says ENOMEM when it has done all else
    if (!vma.entry.prot && !vma.entry.locked_on_fault) b.tryCall('mlock2', vma.start, vma.end - vma.start, 0);
    else b.call('mlock2', vma.start, vma.end - vma.start, whole ? 0 : MLOCK_ONFAULT);
  }
  restoreRangePolicies(
    b,
    image.vmas.map(({ entry }) => entry),
  );
  // nothing can be done to them any more
  for (const { start, end, entry } of image.vmas)
    if (entry.sealed) {
      using _doing = b.doing(`sealing ${start.toString(16)}-${end.toString(16)}`);
      b.call('mseal', start, end - start, 0);
    }
}

/** struct prctl_mm_map (linux/prctl.h): 13 words up to auxv, its size, the exe descriptor. */
export function setMm(b: Batch, mm: Messages['mm_entry'], exeFd: number): void {
  const auxv = new BigUint64Array([...(mm.mm_saved_auxv ?? []), ...(mm.mm_auxv_tail ?? [])]);
  b.reserve(1, 128 + auxv.byteLength + 64);
  const auxvOut = b.bytes(new Uint8Array(auxv.buffer));
  const map = new DataView(new ArrayBuffer(104));
  [
    mm.mm_start_code,
    mm.mm_end_code,
    mm.mm_start_data,
    mm.mm_end_data,
    mm.mm_start_brk,
    mm.mm_brk,
    mm.mm_start_stack,
    mm.mm_arg_start,
    mm.mm_arg_end,
    mm.mm_env_start,
    mm.mm_env_end,
    BigInt(auxv.length ? auxvOut.address : 0),
  ].forEach((value, i) => {
    map.setBigUint64(i * 8, value, true);
  });
  map.setUint32(96, auxv.byteLength, true);
  map.setUint32(100, exeFd, true);
  using _doing = b.doing('setting the memory descriptor (exe link, break, arguments, auxv)');
  b.call('prctl', PR_SET_MM, PR_SET_MM_MAP, new Uint8Array(map.buffer), 104, 0);
}
