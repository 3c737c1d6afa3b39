import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CPU_WORD, cpuDifferences, cpuFault, type CpuCap } from '../../src/image/cpu-features.js';

const entry = (words: Readonly<Record<number, number>> = {}, more: object = {}) => ({
  vendor_id: 1,
  cpu_family: 6,
  model: 1,
  stepping: 1,
  capability_ver: 2,
  capability: Array.from({ length: 19 }, (_, i) => words[i] ?? 0),
  xfeatures_mask: 0xe5n,
  xsave_size: 2432,
  xsave_size_max: 2432,
  ...more,
});
const caps = (...names: CpuCap[]) => new Set(names);
const AVX2 = { [CPU_WORD.LEAF_7_EBX]: 1 << 5 };

describe('two processors', () => {
  it('may differ in what the images have not', () => {
    assert.deepEqual(cpuDifferences(entry(), entry(AVX2), caps('fpu', 'ins')), []);
    assert.deepEqual(cpuDifferences(entry(), entry(AVX2), caps('cpu')), [
      'it is another processor: words 9 of its features differ',
    ]);
  });

  it('differ by instructions that one has not', () => {
    assert.deepEqual(cpuDifferences(entry(AVX2), entry(), caps('ins')), ['it has not: avx2']);
    assert.deepEqual(cpuDifferences(entry(AVX2), entry(), caps('fpu')), []);
    // the highest bit of a word
    assert.deepEqual(cpuDifferences(entry({ [CPU_WORD.LEAF_7_EBX]: 0x80000000 }), entry(), caps('ins')), [
      'it has not: avx512vl',
    ]);
  });

  it('differ by the area of XSAVE', () => {
    assert.match(
      cpuDifferences(entry(), entry({}, { xfeatures_mask: 0x5n, xsave_size: 832 }), caps('fpu')).join('; '),
      /components 0xe0; the XSAVE area has 832 bytes, where the images were made it had 2432$/,
    );
    const old = { xfeatures_mask: undefined, xsave_size: undefined, xsave_size_max: undefined };
    assert.deepEqual(cpuDifferences(entry({}, old), entry(), caps('fpu', 'ins')), []);
  });

  it('can be compared where the words are known', () => {
    assert.equal(cpuFault(entry()), undefined);
    assert.match(cpuFault(entry({}, { capability_ver: 3 }))!, /1 and 2 are known/);
    assert.match(cpuFault(entry({}, { capability: [1] }))!, /has 1 words of capabilities, not 19/);
  });
});
