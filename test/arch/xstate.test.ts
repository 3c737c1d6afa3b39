import assert from 'node:assert/strict';
import test from 'node:test';
import { readImage } from '../../src/decode/image-reader.js';
import { projectPath } from '../project-path.js';
import { XSAVE_COMPONENTS, XSAVE_HEADER, XSTATE_XCR0_OFFSET } from '../../src/arch/x86_64/registers.js';
import { fpregsOf, hasTiles, xstateOf } from '../../src/arch/x86_64/xstate.js';

const fpregs = readImage(projectPath('fixtures/cores'), 'CORE', 1).entries[0]!.message.thread_info!.fpregs;

const C = XSAVE_COMPONENTS;
type Places = Map<number, { offset: number; sizeBytes: number }>;
const INTEL: Places = new Map(
  [C.ymm, C.opmask, C.zmmHi256, C.hi16Zmm, C.pkru].map(({ bit, offset, bytes }) => [bit, { offset, sizeBytes: bytes }]),
);
/** As AMD's processors with AVX-512 lay it out: no room where MPX was. */
const AMD: Places = new Map([
  [C.ymm.bit, { offset: 576, sizeBytes: 256 }],
  [C.opmask.bit, { offset: 832, sizeBytes: 64 }],
  [C.zmmHi256.bit, { offset: 896, sizeBytes: 512 }],
  [C.hi16Zmm.bit, { offset: 1408, sizeBytes: 1024 }],
  [C.pkru.bit, { offset: 2432, sizeBytes: 8 }],
]);
const PLAIN: Places = new Map([[C.ymm.bit, { offset: 576, sizeBytes: 256 }]]);

/** What ptrace shows of a fresh thread on a processor with these components. */
function template(places: Places, sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(28, 0x2ffff, true);
  let xcr0 = 3n;
  for (const bit of places.keys()) xcr0 |= 1n << BigInt(bit);
  view.setBigUint64(XSTATE_XCR0_OFFSET, xcr0, true);
  return bytes;
}

for (const [name, places, sizeBytes] of [
  ['Intel', INTEL, 2696],
  ['AMD', AMD, 2440],
] as const)
  test(`AVX-512 registers come back on a processor that lays them out as ${name}`, () => {
    const xstate = xstateOf(fpregs, template(places, sizeBytes), places);
    const back = fpregsOf(xstate, places, true);
    for (const field of ['ymmh_space', 'opmask_reg', 'zmm_upper', 'hi16_zmm'] as const)
      assert.deepEqual(back.xsave![field], fpregs.xsave![field], field);
    assert.deepEqual(back.st_space, fpregs.st_space);
    assert.deepEqual(back.xmm_space, fpregs.xmm_space);
    for (const field of ['cwd', 'swd', 'twd', 'fop', 'rip', 'rdp', 'mxcsr'] as const)
      assert.equal(back[field], fpregs[field]);
    assert.equal(back.xsave!.xstate_bv & 3n, 3n, 'x87 and SSE are set whatever the image marks');
    assert.ok(xstate.length === sizeBytes);
  });

test('AVX-512 registers in use are refused on a processor that has none', () => {
  assert.throws(() => xstateOf(fpregs, template(PLAIN, 832), PLAIN), { code: 'CPU', message: /AVX-512/ });
});

test('unused components that this processor lacks do no harm', () => {
  const { xsave } = fpregs;
  const idle = { ...fpregs, xsave: { ...xsave!, xstate_bv: 7n } };
  const zero = { ...fpregs, xsave: { ...xsave!, opmask_reg: new Array(8).fill(0n), zmm_upper: [], hi16_zmm: [] } };
  for (const image of [idle, zero]) {
    const out = xstateOf(image, template(PLAIN, 832), PLAIN);
    assert.deepEqual(fpregsOf(out, PLAIN, false).xsave!.ymmh_space, xsave!.ymmh_space);
  }
});

test('a processor without XSAVE gets the legacy area, an image without it sets only that', () => {
  const legacy = { ...fpregs };
  delete legacy.xsave;
  const out = xstateOf(legacy, template(INTEL, 2696), INTEL);
  assert.equal(new DataView(out.buffer).getBigUint64(XSAVE_HEADER.xstateBv, true), 3n);
  assert.equal(fpregsOf(out.subarray(0, 512), new Map(), false).xsave, undefined);
});

test('an image with arrays too short is refused', () => {
  assert.throws(() => xstateOf({ ...fpregs, st_space: [1] }, template(INTEL, 2696), INTEL), { code: 'BAD_IMAGE' });
  const short = { ...fpregs, xsave: { ...fpregs.xsave!, ymmh_space: [1, 2] } };
  assert.throws(() => xstateOf(short, template(INTEL, 2696), INTEL), { code: 'BAD_IMAGE', message: /ymmh_space/ });
});

test('bits of MXCSR that this processor does not know are left out', () => {
  const out = xstateOf({ ...fpregs, mxcsr: 0xffff_1f80 }, template(INTEL, 2696), INTEL);
  assert.equal(fpregsOf(out, INTEL, false).mxcsr, 0x3_1f80 & 0x2ffff);
});

test('AMX tiles in use are seen', () => {
  const bytes = template(INTEL, 2696);
  assert.equal(hasTiles(bytes), false);
  new DataView(bytes.buffer).setBigUint64(XSAVE_HEADER.xstateBv, 1n << 18n, true);
  assert.equal(hasTiles(bytes), true);
});
