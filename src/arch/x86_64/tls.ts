import type { Messages } from '../../image/generated/messages.js';

/** asm/segment.h: the descriptors of the GDT that set_thread_area(2) fills */
const FIRST = 12;
const COUNT = 3;

/**
 * The thread-local segments of a stopped thread (asm/ldt.h, struct user_desc): three of them, unused ones not present.
 * 64-bit code has its thread-local storage at fs_base instead.
 * @param read fills a descriptor, as PTRACE_GET_THREAD_AREA does; false where there is none
 */
export function tlsOf(read: (entry: number, into: Uint32Array) => boolean): Messages['user_desc_t'][] {
  return Array.from({ length: COUNT }, (_, i) => {
    const desc = new Uint32Array(4);
    const there = read(FIRST + i, desc);
    const [, base = 0, limit = 0, bits = 0] = desc;
    const bit = (n: number) => ((bits >>> n) & 1) === 1;
    return {
      entry_number: FIRST + i,
      base_addr: base,
      limit,
      seg_32bit: bit(0),
      contents_l: bit(1),
      contents_h: bit(2),
      read_exec_only: !there || bit(3),
      limit_in_pages: bit(4),
      seg_not_present: !there || bit(5),
      usable: bit(6),
    };
  });
}
