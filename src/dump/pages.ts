import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { cannotWrite } from '../encode/image-writer.js';
import type { PageRun } from '../image/pagemap.js';
import { PE, VMA } from '../image/vma-status.js';
import { readRanges, type Range } from '../task/remote-memory.js';
import type { Messages } from '../image/generated/messages.js';
import { MAP_LOCKED, PROT_READ } from '../kernel/uapi/mman.js';
import type { DumpVma } from './vmas.js';
import type { PageScanner } from './page-scan.js';

/** Bytes moved in one piece: larger and smaller pieces measured slower. */
const PIECE = 1 << 20;

/** Pages that go into the image, in pagemap order, and how to reach them. */
export interface DumpRun extends PageRun {
  /** Readable by the task itself; else only through /proc/PID/mem. */
  readable: boolean;
  /** Fork would not hand these pages to a snapshot child. */
  unforkable: boolean;
}

/** Bytes of all runs. */
export function bytesOf(runs: readonly PageRun[]): number {
  return runs.reduce((sum, run) => sum + run.end - run.start, 0);
}

/** How a run is reached. */
export type Reach = Pick<DumpRun, 'readable' | 'unforkable'>;

/** A part of a run. */
export interface Piece extends Range, Reach {
  /** In the pages image. */
  readonly offset: number;
}

/** May a lazy restore leave these pages to a page server? Only plain private anonymous memory. */
function canBeLazy(vma: Messages['vma_entry']): boolean {
  return (
    (vma.status & VMA.ANON_PRIVATE) !== 0 &&
    (vma.status & (VMA.VDSO | VMA.VVAR | VMA.VSYSCALL)) === 0 &&
    (vma.flags & MAP_LOCKED) === 0
  );
}

/** Pages that a task has made untouchable (MADV_GUARD_INSTALL). */
export interface GuardRange {
  start: number;
  end: number;
}

/** The private pages of a task that its image must hold, and its guard pages. */
export function collectRuns(scanner: PageScanner, vmas: readonly DumpVma[]): { runs: DumpRun[]; guards: GuardRange[] } {
  const runs: DumpRun[] = [];
  const guards: GuardRange[] = [];
  const add = (vma: DumpVma, start: number, end: number) => {
    const flags = PE.PRESENT | (canBeLazy(vma.entry) ? PE.LAZY : 0);
    const readable = (vma.entry.prot & PROT_READ) !== 0;
    const unforkable = ((vma.entry.madv ?? 0n) & ((1n << 10n) | (1n << 18n))) !== 0n;
    const last = runs.at(-1);
    if (
      last &&
      last.end === start &&
      last.flags === flags &&
      last.readable === readable &&
      last.unforkable === unforkable
    )
      last.end = end;
    else runs.push({ start, end, flags, readable, unforkable });
  };
  let index = 0;
  const withPages = vmas.filter((vma) => vma.hasPages);
  const inUserSpace = vmas.filter((vma) => (vma.entry.status & VMA.VSYSCALL) === 0);
  const first = inUserSpace[0];
  if (!first) return { runs, guards };
  const last = inUserSpace.at(-1)!;
  for (const region of scanner.regions(Number(first.entry.start), Number(last.entry.end))) {
    if (region.guard) {
      guards.push({ start: region.start, end: region.end });
      continue;
    }
    while (index < withPages.length && Number(withPages[index]!.entry.end) <= region.start) {
      // Pages of the kernel's own (the vDSO, rings) the scan leaves out; CRIU wants them in the image.
      if (withPages[index]!.whole)
        add(withPages[index]!, Number(withPages[index]!.entry.start), Number(withPages[index]!.entry.end));
      index++;
    }
    for (let i = index; i < withPages.length && Number(withPages[i]!.entry.start) < region.end; i++) {
      const vma = withPages[i]!;
      if (vma.whole) continue;
      const start = Math.max(region.start, Number(vma.entry.start));
      const end = Math.min(region.end, Number(vma.entry.end));
      if (start < end) add(vma, start, end);
    }
  }
  for (; index < withPages.length; index++)
    if (withPages[index]!.whole)
      add(withPages[index]!, Number(withPages[index]!.entry.start), Number(withPages[index]!.entry.end));
  runs.sort((a, b) => a.start - b.start);
  return { runs, guards };
}

/** Splits runs into pieces of at most 1 MiB with the offset of each in the pages image. */
export function* pieces(runs: readonly DumpRun[]): Generator<Piece> {
  let offset = 0;
  for (const { start, end, readable, unforkable } of runs)
    for (let address = start; address < end; address += PIECE) {
      const sizeBytes = Math.min(PIECE, end - address);
      yield { address, sizeBytes, readable, unforkable, offset };
      offset += sizeBytes;
    }
}

/** Pieces on their way to a file: kept, since touching memory for the first time costs a page fault a page. */
let scratch: Buffer | undefined;

/** How pages are copied from outside. */
export interface CopyOptions {
  /** Which runs; all without it. */
  want?: ((run: Reach) => boolean) | undefined;
  /**
   * Other processes may have the pages too, copy-on-write: process_vm_readv(2) pins what it reads, for which the kernel
   * makes each page the process's own (mm/gup.c, gup_must_unshare). Reading /proc/PID/mem leaves them as they are, and
   * takes 0.3 us a page, 0.2 more.
   */
  shared?: boolean | undefined;
}

/**
 * Copies runs from outside the task: process_vm_readv, 1 MiB at a time, and /proc/PID/mem for what the task itself may
 * not read. For small tasks: nothing has to be brought into the task.
 * @param put is told the pieces, each gone with the next, and their offsets in the pages image
 */
export function copyFromOutside(
  pid: number,
  runs: readonly DumpRun[],
  put: (bytes: Uint8Array, offset: number) => void,
  options: CopyOptions = {},
): void {
  const room = (scratch ??= Buffer.allocUnsafeSlow(PIECE));
  read(pid, runs, () => room, options, put);
}

/** Copies all runs from outside the task into memory, as the pages image has them. @param shared see CopyOptions */
export function copyInto(pid: number, runs: readonly DumpRun[], into: Buffer, shared: boolean): void {
  read(pid, runs, (offset) => into.subarray(offset), { shared });
}

/** @param room where the piece with an offset in the pages image goes: 1 MiB, or all that is left */
function read(
  pid: number,
  runs: readonly DumpRun[],
  room: (offset: number) => Buffer,
  { want = () => true, shared = false }: CopyOptions,
  put?: (bytes: Uint8Array, offset: number) => void,
): void {
  let mem: number | undefined;
  let ranges: Range[] = [];
  let filled = 0;
  let offset = 0;
  const flush = () => {
    if (filled === 0) return;
    const buffer = room(offset);
    let got = 0;
    while (got < filled) {
      const n = readRanges(pid, ranges, buffer.subarray(got, filled));
      if (n <= 0) throw new RangeError(`process_vm_readv of task ${pid} returned nothing`);
      got += n;
      let skip = n;
      while (ranges.length && skip >= ranges[0]!.sizeBytes) skip -= ranges.shift()!.sizeBytes;
      if (skip) ranges[0] = { address: ranges[0]!.address + skip, sizeBytes: ranges[0]!.sizeBytes - skip };
    }
    put?.(buffer.subarray(0, filled), offset);
    offset += filled;
    filled = 0;
    ranges = [];
  };
  try {
    for (const piece of pieces(runs)) {
      if (!want(piece)) {
        flush();
        continue;
      }
      if (filled === 0) offset = piece.offset;
      if (!piece.readable || shared) {
        flush();
        offset = piece.offset;
        mem ??= openSync(`/proc/${pid}/mem`, 'r');
        const buffer = room(offset);
        let got = 0;
        while (got < piece.sizeBytes) {
          const n = readSync(mem, buffer, got, piece.sizeBytes - got, BigInt(piece.address + got) as unknown as number);
          if (n <= 0) throw new RangeError(`/proc/${pid}/mem ends at 0x${(piece.address + got).toString(16)}`);
          got += n;
        }
        put?.(buffer.subarray(0, got), offset);
        continue;
      }
      if (filled + piece.sizeBytes > PIECE || ranges.length === 1024) {
        flush();
        offset = piece.offset;
      }
      ranges.push({ address: piece.address, sizeBytes: piece.sizeBytes });
      filled += piece.sizeBytes;
    }
    flush();
  } finally {
    if (mem !== undefined) closeSync(mem);
  }
}

/** write(2) of everything at an offset. @throws the error of node:fs (ENOSPC, EIO) */
export function writeAll(fd: number, bytes: Uint8Array, offset: number): void {
  for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done, bytes.length - done, offset + done);
}

/** Says of which image it is that crit, or a task for it, could not write. @throws CritError CANNOT_WRITE */
export function writing(file: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    const { syscall } = error as { syscall?: string };
    throw syscall === 'write' || syscall === 'vector' ? cannotWrite(file, error) : error;
  }
}
