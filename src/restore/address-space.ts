import { TASK_SIZE } from '../arch/index.js';
import type { Messages } from '../image/generated/messages.js';
import { CritError } from '../image/errors.js';
import { PAGE_SIZE, PE, VMA } from '../image/vma-status.js';

/** A mapping to restore, with addresses as numbers (user addresses have 47 bits). */
export interface Vma {
  start: number;
  end: number;
  entry: Messages['vma_entry'];
  /** Descriptor, in the puppets, that it is a mapping of; -1 for anonymous memory. */
  fd: number;
}

/** Pages of the image, with the offset of their bytes in the pages image. */
export interface PageRun {
  start: number;
  end: number;
  offset: number;
}

/** Checks and orders a task's mappings. Anything that could hit another address than meant is refused. */
export function readVmas(pid: number, entries: readonly Messages['vma_entry'][]): Vma[] {
  const bad = (i: number, text: string) =>
    new CritError(`mm-${pid}.img: entries[0].vmas[${i}]: ${text}`, { code: 'BAD_IMAGE' });
  const vmas: Vma[] = [];
  entries.forEach((entry, i) => {
    if (entry.status === VMA.GUARD) return;
    if (entry.status & VMA.VSYSCALL && !(entry.status & VMA.REGULAR)) return; // the kernel's own, at the top
    if (entry.start % 4096n || entry.end % 4096n) throw bad(i, 'not page aligned');
    if (entry.start >= entry.end) throw bad(i, `ends (0x${entry.end.toString(16)}) before it starts`);
    if (entry.end > BigInt(TASK_SIZE)) throw bad(i, `0x${entry.end.toString(16)} is beyond user space`);
    const vma = { start: Number(entry.start), end: Number(entry.end), entry, fd: -1 };
    const last = vmas.at(-1);
    if (last && vma.start < last.end) throw bad(i, 'overlaps the one before, or is out of order');
    vmas.push(vma);
  });
  return vmas;
}

/** Ranges that no access may touch (MADV_GUARD_INSTALL): entries after those of the mappings. */
export function readGuards(pid: number, entries: readonly Messages['vma_entry'][]): { start: number; end: number }[] {
  const guards: { start: number; end: number }[] = [];
  entries.forEach(({ status, start, end }, i) => {
    if (status !== VMA.GUARD) return;
    if (start % 4096n || end % 4096n || start >= end || end > BigInt(TASK_SIZE))
      throw new CritError(
        `mm-${pid}.img: entries[0].vmas[${i}]: 0x${start.toString(16)}-0x${end.toString(16)} is no range of pages`,
        { code: 'BAD_IMAGE' },
      );
    guards.push({ start: Number(start), end: Number(end) });
  });
  return guards;
}

/** Checks a pagemap against its pages image. @returns the runs whose bytes are in it, in file order */
export function readRuns(
  file: string,
  entries: readonly Messages['pagemap_entry'][],
  pagesBytes: number,
  pagesFile: string,
): PageRun[] {
  const runs: PageRun[] = [];
  let offset = 0;
  let previous = -1;
  entries.forEach((entry, i) => {
    const bad = (text: string) => new CritError(`${file}: entries[${i + 1}]: ${text}`, { code: 'BAD_IMAGE' });
    const pages = entry.nr_pages && entry.nr_pages > 0n ? entry.nr_pages : BigInt(entry.compat_nr_pages);
    if (entry.vaddr % 4096n) throw bad(`vaddr 0x${entry.vaddr.toString(16)} is not page aligned`);
    if (pages < 1n || pages > 1n << 35n) throw bad(`nr_pages is ${pages}`);
    const start = Number(entry.vaddr);
    const end = start + Number(pages) * PAGE_SIZE;
    if (start < previous) throw bad('overlaps the one before, or is out of order');
    previous = end;
    const flags = entry.flags ?? PE.PRESENT;
    if (flags & PE.PARENT || entry.in_parent) throw bad('its pages are in a parent image set: not supported yet');
    if (!(flags & PE.PRESENT)) return;
    const last = runs.at(-1);
    if (last?.end === start) last.end = end;
    else runs.push({ start, end, offset });
    offset += end - start;
  });
  if (offset > pagesBytes)
    throw new CritError(`${pagesFile} has ${pagesBytes} bytes, ${file} describes ${offset}: it is truncated`, {
      code: 'BAD_IMAGE',
    });
  return runs;
}

/** The parts of runs that lie in [start, end). */
export function clip(runs: readonly PageRun[], start: number, end: number): PageRun[] {
  const out: PageRun[] = [];
  let low = 0;
  let high = runs.length;
  while (low < high) {
    const mid = (low + high) >> 1;
    if (runs[mid]!.end <= start) low = mid + 1;
    else high = mid;
  }
  for (let i = low; i < runs.length && runs[i]!.start < end; i++) {
    const run = runs[i]!;
    const from = Math.max(run.start, start);
    out.push({ start: from, end: Math.min(run.end, end), offset: run.offset + (from - run.start) });
  }
  return out;
}

/** The parts of [start, end) that no run covers. */
export function gaps(runs: readonly PageRun[], start: number, end: number): { start: number; end: number }[] {
  const out: { start: number; end: number }[] = [];
  let at = start;
  for (const run of clip(runs, start, end)) {
    if (run.start > at) out.push({ start: at, end: run.start });
    at = run.end;
  }
  if (at < end) out.push({ start: at, end });
  return out;
}
