import { closeSync, openSync, readSync } from 'node:fs';
import type { Pid } from '../image/pid.js';
import { PAGE_SIZE } from '../image/vma-status.js';
import { MAP_SHARED, PROT_READ } from '../kernel/uapi/mman.js';
import { IORING_OFF_SQ_RING } from '../kernel/uapi/io-uring.js';
import { sys, sysRaw } from '../native/sys.js';
import type { KernelMemory, KernelStruct } from './kernel-memory.js';

/** /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst) */
const ENTRY_BYTES = 8;
const FRAME = (1n << 55n) - 1n;
const PRESENT = 1n << 63n;
const PAGES_AT_ONCE = 4096;

/** Which page frames the kernel's `struct page` stand for: known from one page that crit maps too. */
export class KernelPages {
  readonly #memory: KernelMemory;
  /** Where the one of frame 0 would be. */
  readonly #base: bigint;
  readonly #pageBytes: bigint;

  /** @param fd a ring @param page the first one of its memory */
  constructor(memory: KernelMemory, fd: number, page: bigint) {
    this.#memory = memory;
    this.#pageBytes = BigInt(memory.types.sizeOf('page') ?? 0);
    const at = sys('mmap', 0, PAGE_SIZE, PROT_READ, MAP_SHARED, fd, IORING_OFF_SQ_RING);
    try {
      const own = openSync('/proc/self/mem', 'r');
      try {
        readSync(own, Buffer.alloc(1), 0, 1, at);
      } finally {
        closeSync(own);
      }
      this.#base = page - (framesOf(process.pid, at, 1)?.[0] ?? 0n) * this.#pageBytes;
    } finally {
      sysRaw('munmap', at, PAGE_SIZE);
    }
  }

  /** Whether a process has, at the address of a registered buffer, the pages that the kernel has for it. */
  has(pid: Pid, buffer: KernelStruct): boolean {
    const start = buffer.u64('ubuf');
    const frames = this.#framesOf(buffer);
    const from = Number(start / BigInt(PAGE_SIZE)) * PAGE_SIZE;
    for (let at = 0; at < frames.length; at += PAGES_AT_ONCE) {
      const some = frames.slice(at, at + PAGES_AT_ONCE);
      const there = framesOf(pid, from + at * PAGE_SIZE, some.length);
      if (!there || some.some((frame, i) => frame !== there[i])) return false;
    }
    return true;
  }

  /** The frames of a registered buffer, page by page. */
  #framesOf(buffer: KernelStruct): bigint[] {
    const memory = this.#memory;
    const bytes = memory.types.sizeOf('bio_vec')!;
    const frames: bigint[] = [];
    const pageBytes = BigInt(PAGE_SIZE);
    for (let i = 0; i < buffer.u32('nr_bvecs'); i++) {
      const part = memory.struct('bio_vec', buffer.at('bvec') + BigInt(i * bytes));
      const first = (part.u64('bv_page') - this.#base) / this.#pageBytes;
      const from = BigInt(part.u32('bv_offset'));
      const last = (from + BigInt(part.u32('bv_len')) - 1n) / pageBytes;
      for (let page = from / pageBytes; page <= last; page++) frames.push(first + page);
    }
    return frames;
  }
}

/** The frames of pages of a process; undefined where some are not there. */
function framesOf(pid: Pid, start: number, count: number): bigint[] | undefined {
  const fd = openSync(`/proc/${pid}/pagemap`, 'r');
  try {
    const entries = Buffer.alloc(count * ENTRY_BYTES);
    if (readSync(fd, entries, 0, entries.length, (start / PAGE_SIZE) * ENTRY_BYTES) < entries.length) return undefined;
    const words = Array.from({ length: count }, (_, i) => entries.readBigUInt64LE(i * ENTRY_BYTES));
    return words.every((word) => word & PRESENT) ? words.map((word) => word & FRAME) : undefined;
  } finally {
    closeSync(fd);
  }
}
