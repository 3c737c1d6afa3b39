/** XSAVE images that are the same whatever processor makes them. */
import type { Messages } from '../../image/generated/messages.js';
import { FXSAVE, FXSAVE_BYTES, XSAVE_COMPONENTS, XSTATE_XCR0_OFFSET } from './registers.js';
import { NR_ST_WORDS, NR_XMM_WORDS, xstateOf } from './xstate.js';

type Fpregs = Messages['user_x86_fpregs_entry'];
type Xsave = Messages['user_x86_xsave_entry'];

const { ymm, opmask, zmmHi256, hi16Zmm, pkru } = XSAVE_COMPONENTS;
const PARTS = [
  { field: 'ymmh_space', place: ymm, word: 4 },
  { field: 'opmask_reg', place: opmask, word: 8 },
  { field: 'zmm_upper', place: zmmHi256, word: 8 },
  { field: 'hi16_zmm', place: hi16Zmm, word: 8 },
  { field: 'pkru', place: pkru, word: 4 },
] as const;
/** x87 and SSE in XCR0. */
const LEGACY = 3n;
/** Those of Intel's processors. */
const LAYOUT = new Map(PARTS.map(({ place }) => [place.bit, { offset: place.offset, sizeBytes: place.bytes }]));

const padded = (values: readonly number[] | undefined, count: number): number[] =>
  Array.from({ length: count }, (_, i) => values?.[i] ?? 0);

/** An image of so many bytes with these parts; what a damaged core image lacks is 0. */
function image(fpregs: Fpregs, sizeBytes: number, parts: readonly (typeof PARTS)[number][]): Uint8Array {
  const template = Buffer.alloc(sizeBytes);
  const components = parts.reduce((set, { place }) => set | (1n << BigInt(place.bit)), LEGACY);
  template.writeUInt32LE(fpregs.mxcsr_mask, FXSAVE.mxcsrMask);
  if (sizeBytes > FXSAVE_BYTES) template.writeBigUInt64LE(components, XSTATE_XCR0_OFFSET);
  const xsave: Xsave = { xstate_bv: fpregs.xsave?.xstate_bv ?? 0n };
  for (const { field } of parts) (xsave[field] as readonly (number | bigint)[] | undefined) = fpregs.xsave?.[field];
  const whole = {
    ...fpregs,
    st_space: padded(fpregs.st_space, NR_ST_WORDS),
    xmm_space: padded(fpregs.xmm_space, NR_XMM_WORDS),
    xsave,
  };
  const out = xstateOf(whole, template, LAYOUT);
  if (sizeBytes > FXSAVE_BYTES) new DataView(out.buffer).setBigUint64(XSTATE_XCR0_OFFSET, components, true);
  return out;
}

/** The 512 bytes of x87 and SSE. */
export const fxsaveOf = (fpregs: Fpregs): Uint8Array => image(fpregs, FXSAVE_BYTES, []);

/**
 * The XSAVE image with the components up to the last that gdb knows where to find by XCR0 and the size: AVX, AVX-512, PKRU.
 * @returns undefined for a processor without AVX
 */
export function fixedXsaveOf(fpregs: Fpregs): Uint8Array | undefined {
  const { xsave } = fpregs;
  const there = PARTS.filter(({ field, place, word }) => (xsave?.[field]?.length ?? 0) * word >= place.bytes);
  const has = (field: string): boolean => there.some((part) => part.field === field);
  if (!has('ymmh_space')) return undefined;
  const last = !has('hi16_zmm') ? ymm : has('pkru') ? pkru : hi16Zmm;
  const parts = there.filter(({ place }) => place.offset <= last.offset);
  return image(fpregs, last.offset + last.bytes, parts);
}
