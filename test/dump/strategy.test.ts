import assert from 'node:assert/strict';
import test from 'node:test';
import { strategyOf, type Strategy } from '../../src/dump/strategy.js';

const KIB = 1 << 10;
const MIB = 1 << 20;

/** Size of a task's pages, what is held already, whether the tree runs on, and what becomes of it. */
const CASES: readonly (readonly [number, number, boolean, Strategy])[] = [
  [0, 0, true, 'held'],
  [1 * MIB, 0, false, 'held'],
  [4 * MIB - 4 * KIB, 0, true, 'held'],
  // what is held has a limit, all tasks together
  [1 * MIB, 7 * MIB, true, 'held'],
  [1 * MIB + 4 * KIB, 7 * MIB, true, 'beside'],
  [64 * KIB, 8 * MIB, true, 'outside'],
  [256 * KIB - 4 * KIB, 8 * MIB, false, 'outside'],
  [256 * KIB, 8 * MIB, false, 'beside'],
  // large ones are never held
  [4 * MIB, 0, true, 'fork'],
  [4 * MIB, 0, false, 'inside'],
  [1024 * MIB, 8 * MIB, true, 'fork'],
  [1024 * MIB, 8 * MIB, false, 'inside'],
];

for (const [sizeBytes, heldBytes, leaveRunning, strategy] of CASES)
  test(`${sizeBytes / KIB} KiB with ${heldBytes / MIB} MiB held, ${leaveRunning ? 'running on' : 'ending'}: ${strategy}`, () => {
    assert.equal(strategyOf(sizeBytes, heldBytes, { leaveRunning, restricted: false }), strategy);
  });
