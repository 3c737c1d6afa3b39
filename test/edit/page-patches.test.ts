import assert from 'node:assert/strict';
import { test } from 'node:test';
import { patchedRuns } from '../../src/edit/memory/page-patches.js';
import { PE } from '../../src/image/vma-status.js';

const page = (n: number) => n * 4096;
const run = (from: number, to: number, flags: number) => ({ start: page(from), end: page(to), flags });

test('a page that has bytes keeps its place, one that has none parts the run that it is in', () => {
  const runs = [run(10, 20, PE.PRESENT), run(20, 30, PE.PARENT), run(40, 42, PE.PRESENT | PE.LAZY)];
  assert.deepEqual(patchedRuns(runs, [5, 12, 20, 25, 29, 35, 41, 50].map(page)), [
    run(5, 6, PE.PRESENT),
    { ...run(10, 20, PE.PRESENT), offset: 0 },
    run(20, 21, PE.PRESENT),
    run(21, 25, PE.PARENT),
    run(25, 26, PE.PRESENT),
    run(26, 29, PE.PARENT),
    run(29, 30, PE.PRESENT),
    run(35, 36, PE.PRESENT),
    { ...run(40, 42, PE.PRESENT | PE.LAZY), offset: page(10) },
    run(50, 51, PE.PRESENT),
  ]);
  assert.deepEqual(patchedRuns([], [page(1)]), [run(1, 2, PE.PRESENT)]);
});
