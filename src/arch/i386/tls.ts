import type { Messages } from '../../image/generated/messages.js';

/** asm/ldt.h, struct user_desc: number, base, limit, bits; 4 bytes each. */
const DESCRIPTOR_BYTES = 16;
const NR_DESCRIPTORS = 3;

/** NT_386_TLS: the thread's segments. */
export function tlsBytes(descriptors: readonly Messages['user_desc_t'][]): Buffer {
  const some = descriptors.slice(0, NR_DESCRIPTORS);
  const out = Buffer.alloc(some.length * DESCRIPTOR_BYTES);
  for (const [i, segment] of some.entries()) {
    const bits = [
      segment.seg_32bit,
      segment.contents_l,
      segment.contents_h,
      segment.read_exec_only,
      segment.limit_in_pages,
      segment.seg_not_present,
      segment.usable,
    ].reduce((set, isSet, bit) => set | (isSet ? 1 << bit : 0), 0);
    for (const [k, word] of [segment.entry_number, segment.base_addr, segment.limit, bits].entries())
      out.writeUInt32LE(word >>> 0, i * DESCRIPTOR_BYTES + k * 4);
  }
  return out;
}
