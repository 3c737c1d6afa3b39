import assert from 'node:assert/strict';
import test from 'node:test';
import { findPidGap, meetsWanted } from '../../src/image/pid-gap.js';

for (const [what, wanted, pidMax, width, gap] of [
  ['nothing is wanted', [], 1000, 10, 0],
  ['there is room beyond', [3, 4, 11], 1000, 10, 11],
  ['there is none beyond, but between', [400, 500, 995], 1000, 64, 300],
  ['the first gap is too narrow', [310, 320, 500, 995], 1000, 64, 320],
  ['there is none at all', [350, 400, 450, 500], 520, 64, undefined],
] as const)
  test(`a gap of pids: ${what}`, () => {
    assert.equal(findPidGap(wanted, pidMax, width), gap);
  });

test('the numbers that come next go around at pid_max', () => {
  assert.equal(meetsWanted(new Set([12]), 10, 1000, 2), true);
  assert.equal(meetsWanted(new Set([10]), 10, 1000, 2), false);
  assert.equal(meetsWanted(new Set([301]), 998, 1000, 3), true);
  assert.equal(meetsWanted(new Set([301]), 998, 1000, 2), false);
});
