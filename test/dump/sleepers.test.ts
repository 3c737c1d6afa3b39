import assert from 'node:assert/strict';
import { test } from 'node:test';
import { whenOver } from '../../src/dump/sleepers.js';

test('the end of a sleep counts from when the thread last ran, where the scheduler remembers that', () => {
  assert.equal(whenOver({ execStartNs: 1000n, limitNs: 50n }, 7n), 1057n);
  assert.equal(whenOver({ execStartNs: 0n, limitNs: 50n }, 7n), undefined);
  assert.equal(whenOver({ execStartNs: 1000n, limitNs: 50n }, undefined), undefined);
  assert.equal(whenOver({ execStartNs: 1000n, limitNs: undefined }, 7n), undefined);
});
