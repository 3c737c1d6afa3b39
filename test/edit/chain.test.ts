import assert from 'node:assert/strict';
import { existsSync, readFileSync, readlinkSync, renameSync, rmSync, statSync, truncateSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { flatten } from '../../src/edit/flatten.js';
import { rebase } from '../../src/edit/rebase.js';
import { writeSet } from '../../src/edit/write-set.js';
import { ImageDir } from '../../src/encode/image-dir.js';
import { splitPagemap } from '../../src/image/pagemap.js';
import { PE } from '../../src/image/vma-status.js';
import { openAddressSpace } from '../../src/inspect/address-space/address-space.js';
import { openCheckpoint } from '../../src/inspect/checkpoint.js';
import { changed, fresh, withPages } from './sets.js';

const PID = 812;
const base = withPages('tree');

/** Some addresses of memory that is stored, and one of memory that is zero. */
function places(): bigint[] {
  using space = openAddressSpace(openCheckpoint(base), PID);
  const runs = [...space.runs()].filter(
    ({ mapping }) => mapping?.regular && mapping.kind === 'anon' && mapping.prot.includes('w'),
  );
  const stored = runs.filter(({ source }) => source.kind === 'image').map(({ end }) => end - 100n);
  const zero = runs.find(({ source, start, end }) => source.kind === 'zero' && end - start >= 8192n);
  return [...stored, ...(zero ? [zero.start + 5000n] : [])];
}

const memory = places().map((at) => `${PID}:0x${at.toString(16)}=text:changed`);
const next = changed(base, { typed: { memory } }).to;

function increment(of: string, on: string): string {
  const to = fresh();
  using made = rebase(openCheckpoint(of), openCheckpoint(on));
  writeSet(made.set, to);
  return to;
}

const pagesOf = (set: string): string => {
  const { head } = splitPagemap(new ImageDir(set).messages('PAGEMAP', PID)!);
  return path.join(set, `pages-${head!.pages_id}.img`);
};

/** All that a process has in memory, as far as the images have it. */
function bytesOf(set: string): Buffer {
  using space = openAddressSpace(openCheckpoint(set), PID, { root: null });
  return Buffer.concat(
    [...space.pieces()].map((piece) => (piece.kind === 'bytes' ? Buffer.from(piece.bytes) : Buffer.alloc(0))),
  );
}

test('an increment has only the pages that are not the same, and reads as the whole set does', () => {
  assert.ok(memory.length >= 2);
  const child = increment(next, base);
  assert.equal(readlinkSync(path.join(child, 'parent')), `../${path.basename(base)}`);
  assert.equal(statSync(pagesOf(child)).size, memory.length * 4096);
  assert.ok(bytesOf(child).equals(bytesOf(next)));
});

test('a chain of three is merged into a set that is byte for byte the whole one', () => {
  const first = increment(next, base);
  const last = changed(next, { typed: { memory: [memory[0]!.replace('changed', 'again!!')] } }).to;
  const second = increment(last, first);
  assert.equal(statSync(pagesOf(second)).size, 4096);
  const to = fresh();
  using merged = flatten(openCheckpoint(second));
  assert.equal(merged.sets, 3);
  writeSet(merged.set, to);
  assert.ok(!existsSync(path.join(to, 'parent')));
  assert.ok(readFileSync(pagesOf(to)).equals(readFileSync(pagesOf(last))));
  assert.deepEqual(new ImageDir(to).messages('PAGEMAP', PID), new ImageDir(last).messages('PAGEMAP', PID));
});

test('a chain that lacks a set, or bytes, is not merged', () => {
  const child = increment(next, base);
  renameSync(base, `${base}-away`);
  try {
    assert.throws(() => flatten(openCheckpoint(child)), /is not there: bring it/);
  } finally {
    renameSync(`${base}-away`, base);
  }
  const other = withPages('tree');
  const cut = increment(next, other);
  truncateSync(pagesOf(other), statSync(pagesOf(other)).size / 2);
  const to = fresh();
  assert.throws(() => {
    using merged = flatten(openCheckpoint(cut));
    writeSet(merged.set, to);
  }, /cut off/);
  assert.ok(!existsSync(to));
  rmSync(path.join(other, `pagemap-${PID}.img`));
  assert.throws(() => flatten(openCheckpoint(cut)), /page 0x/);
});

test('a set that is no increment is merged into itself', () => {
  using merged = flatten(openCheckpoint(base));
  assert.equal(merged.sets, 1);
  assert.deepEqual(merged.set.changed, []);
  const { entries } = splitPagemap(new ImageDir(base).messages('PAGEMAP', PID)!);
  assert.ok(entries.every(({ flags = 0 }) => !(flags & PE.PARENT)));
});
