/**
 * FP and vector registers: between the XSAVE image that ptrace shows (NT_X86_XSTATE, standard form) and the message of
 * the images, which names components and knows no offsets.
 */
import type { Messages } from '../../image/generated/messages.js';
import { CritError } from '../../image/errors.js';
import {
  FXSAVE,
  FXSAVE_BYTES,
  XSAVE_COMPONENTS,
  XSAVE_HEADER,
  XSAVE_HEADER_BYTES,
  XSTATE_XCR0_OFFSET,
} from './registers.js';
import type { XsavePlace } from './xsave-layout.js';

type Fpregs = Messages['user_x86_fpregs_entry'];
type Xsave = Messages['user_x86_xsave_entry'];
type Layout = ReadonlyMap<number, XsavePlace>;

/** Fields of user_x86_xsave_entry: the component's bit, its size in bytes, the width of an element, and what it is called. */
const FIELDS = [
  { field: 'ymmh_space', bit: XSAVE_COMPONENTS.ymm.bit, sizeBytes: 256, word: 4, feature: 'AVX' },
  { field: 'bndreg_state', bit: XSAVE_COMPONENTS.bndregs.bit, sizeBytes: 64, word: 8, feature: 'MPX' },
  { field: 'bndcsr_state', bit: XSAVE_COMPONENTS.bndcsr.bit, sizeBytes: 64, word: 8, feature: 'MPX' },
  { field: 'opmask_reg', bit: XSAVE_COMPONENTS.opmask.bit, sizeBytes: 64, word: 8, feature: 'AVX-512' },
  { field: 'zmm_upper', bit: XSAVE_COMPONENTS.zmmHi256.bit, sizeBytes: 512, word: 8, feature: 'AVX-512' },
  { field: 'hi16_zmm', bit: XSAVE_COMPONENTS.hi16Zmm.bit, sizeBytes: 1024, word: 8, feature: 'AVX-512' },
  { field: 'pkru', bit: XSAVE_COMPONENTS.pkru.bit, sizeBytes: 8, word: 4, feature: 'memory protection keys' },
] as const;

/** x87 and SSE: what the legacy area holds. */
const LEGACY = 3n;
export const NR_ST_WORDS = 32;
export const NR_XMM_WORDS = 64;
/** AMX: no field of the message holds it. */
const TILEDATA = 1n << BigInt(XSAVE_COMPONENTS.tiledata.bit);
const MXCSR_MASK_DEFAULT = 0xffbf;

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const words = (view: DataView, offset: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => view.getUint32(offset + i * 4, true));
const longs = (view: DataView, offset: number, count: number): bigint[] =>
  Array.from({ length: count }, (_, i) => view.getBigUint64(offset + i * 8, true));

/**
 * The message for an XSAVE image; `cet` says whether this processor has shadow stacks (their state is asked elsewhere).
 * Components in their initial state read as the kernel shows them: that state written out.
 */
export function fpregsOf(xstate: Uint8Array, layout: Layout, cet: boolean): Fpregs {
  const view = viewOf(xstate);
  const fpregs: Fpregs = {
    cwd: view.getUint16(FXSAVE.cwd, true),
    swd: view.getUint16(FXSAVE.swd, true),
    twd: view.getUint16(FXSAVE.twd, true),
    fop: view.getUint16(FXSAVE.fop, true),
    rip: view.getBigUint64(FXSAVE.rip, true),
    rdp: view.getBigUint64(FXSAVE.rdp, true),
    mxcsr: view.getUint32(FXSAVE.mxcsr, true),
    mxcsr_mask: view.getUint32(FXSAVE.mxcsrMask, true),
    st_space: words(view, FXSAVE.st, NR_ST_WORDS),
    xmm_space: words(view, FXSAVE.xmm, NR_XMM_WORDS),
  };
  if (xstate.length < FXSAVE_BYTES + XSAVE_HEADER_BYTES) return fpregs;
  const xsave: Xsave = { xstate_bv: view.getBigUint64(XSAVE_HEADER.xstateBv, true) };
  for (const { field, bit, sizeBytes, word } of FIELDS) {
    const place = layout.get(bit);
    if (place?.sizeBytes !== sizeBytes || place.offset + sizeBytes > xstate.length) continue;
    if (word === 4) (xsave[field] as number[]) = words(view, place.offset, sizeBytes / 4);
    else (xsave[field] as bigint[]) = longs(view, place.offset, sizeBytes / 8);
  }
  if (cet) xsave.cet = { cet: 0n, ssp: 0n };
  return { ...fpregs, xsave };
}

/** True when a thread uses AMX tiles. */
export function hasTiles(xstate: Uint8Array): boolean {
  return (
    xstate.length > XSAVE_HEADER.xstateBv + 8 &&
    (viewOf(xstate).getBigUint64(XSAVE_HEADER.xstateBv, true) & TILEDATA) !== 0n
  );
}

/**
 * The XSAVE image for a message, of the length and with the components of `template`, which is that of any thread here.
 * @param file its name, for errors
 * @throws CritError CPU when the message holds state of a component that this processor lacks
 */
export function xstateOf(fpregs: Fpregs, template: Uint8Array, layout: Layout, file = 'core image'): Uint8Array {
  const out = new Uint8Array(template.length);
  const view = viewOf(out);
  const there = viewOf(template);
  view.setUint16(FXSAVE.cwd, fpregs.cwd, true);
  view.setUint16(FXSAVE.swd, fpregs.swd, true);
  view.setUint16(FXSAVE.twd, fpregs.twd, true);
  view.setUint16(FXSAVE.fop, fpregs.fop, true);
  view.setBigUint64(FXSAVE.rip, fpregs.rip, true);
  view.setBigUint64(FXSAVE.rdp, fpregs.rdp, true);
  const mask = there.getUint32(FXSAVE.mxcsrMask, true) || MXCSR_MASK_DEFAULT;
  // a bit that this processor does not know would be refused
  view.setUint32(FXSAVE.mxcsr, (fpregs.mxcsr & mask) >>> 0, true);
  view.setUint32(FXSAVE.mxcsrMask, mask, true);
  setWords(view, FXSAVE.st, fpregs.st_space, NR_ST_WORDS, `${file}: thread_info.fpregs.st_space`);
  setWords(view, FXSAVE.xmm, fpregs.xmm_space, NR_XMM_WORDS, `${file}: thread_info.fpregs.xmm_space`);
  if (template.length < FXSAVE_BYTES + XSAVE_HEADER_BYTES) return out;
  // ptrace shows XCR0 in the bytes that software may use; it is not read back
  const supported = there.getBigUint64(XSTATE_XCR0_OFFSET, true);
  let used = LEGACY;
  const { xsave } = fpregs;
  for (const { field, bit, sizeBytes, word, feature } of FIELDS) {
    const values: readonly (number | bigint)[] | undefined = xsave?.[field];
    const mark = 1n << BigInt(bit);
    if (!xsave || !values?.length || !(xsave.xstate_bv & mark)) continue;
    if (values.length * word < sizeBytes)
      throw new CritError(
        `${file}: thread_info.fpregs.xsave.${field}: ${values.length} elements, ${sizeBytes / word} wanted`,
        {
          code: 'BAD_IMAGE',
        },
      );
    const place = layout.get(bit);
    if (!(supported & mark) || place?.sizeBytes !== sizeBytes || place.offset + sizeBytes > template.length) {
      if (values.every((value) => Number(value) === 0)) continue;
      throw new CritError(`${file}: it holds ${feature} registers (${field}), which this processor does not have`, {
        code: 'CPU',
      });
    }
    used |= mark;
    for (let i = 0; i < sizeBytes / word; i++)
      if (word === 4) view.setUint32(place.offset + i * 4, Number(values[i]), true);
      else view.setBigUint64(place.offset + i * 8, BigInt(values[i]!), true);
  }
  view.setBigUint64(XSAVE_HEADER.xstateBv, used, true);
  return out;
}

function setWords(view: DataView, offset: number, values: readonly number[] = [], count: number, where: string): void {
  if (values.length < count)
    throw new CritError(`${where}: ${values.length} elements, ${count} wanted`, { code: 'BAD_IMAGE' });
  for (let i = 0; i < count; i++) view.setUint32(offset + i * 4, values[i]!, true);
}
