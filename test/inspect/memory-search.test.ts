import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { openAddressSpace, type AddressSpace } from '../../src/inspect/address-space/address-space.js';
import { memoryStrings, searchMemory } from '../../src/inspect/address-space/search.js';
import { findPlace } from '../../src/inspect/address-space/place.js';
import { openCheckpoint } from '../../src/inspect/checkpoint.js';
import { makeSet, page, PID, vma } from './one-task-set.js';

const dir = mkdtempSync(path.join(tmpdir(), 'crit-search-'));
after(() => {
  rmSync(dir, { recursive: true, force: true });
});

/** 9 MiB: pieces end at 4 MiB and 8 MiB or near, whatever is kept of the one before. */
const PAGES = (9 << 20) / 4096;
const BASE = 0x10000;
const memory = Buffer.alloc(PAGES * 4096, '.');
const planted: number[] = [];
for (let at = 4000; at + 8 < memory.length; at += 4093) planted.push(at);
for (const at of planted) memory.write('needle', at, 'latin1');
const set = makeSet(dir, 'large', {
  vmas: [vma(BASE, BASE + memory.length), vma(0x4000000, 0x4002000)],
  runs: [[BASE, PAGES, 4], [0x4000000, 1, 4], [0x4001000, 1, 4]], // prettier-ignore
  pages: [memory, page('first '), page('second')],
});
const open = (): AddressSpace => openAddressSpace(openCheckpoint(set), PID);
const places = (found: Iterable<{ address: bigint }>): number[] =>
  Array.from(found, ({ address }) => Number(address) - BASE);

test('every place is found once, wherever pieces end', () => {
  using space = open();
  for (const pattern of [Buffer.from('needle'), /ne+dle/, /NEEDLE/i])
    for (const contextBytes of [0, 100])
      assert.deepEqual(places(searchMemory(space, pattern, { contextBytes })), planted, String(pattern));
});

test('what stands around a match is shown, across the ends of pieces', () => {
  using space = open();
  for (const { address, before, after } of searchMemory(space, Buffer.from('needle'), { contextBytes: 8 })) {
    const at = Number(address) - BASE;
    assert.deepEqual(before, memory.subarray(at - 8, at));
    assert.deepEqual(after, memory.subarray(at + 6, at + 14));
  }
});

test('a match may not go over a hole in the mappings, but over the end of a run', () => {
  using space = open();
  assert.equal(places(searchMemory(space, /\.first/)).length, 0);
  assert.equal([...searchMemory(space, /firssecond/)].length, 1);
});

test('a search of a range finds what lies in it', () => {
  using space = open();
  const [start, end] = [BigInt(BASE + planted[3]! + 1), BigInt(BASE + planted[6]! + 6)];
  assert.deepEqual(places(searchMemory(space, Buffer.from('needle'), { start, end })), planted.slice(4, 7));
});

test('strings are found in three encodings', () => {
  const texts = Buffer.alloc(4096);
  texts.write('plain ascii', 16, 'latin1');
  texts.write('größer', 64, 'utf8');
  texts.write('wide', 128, 'utf16le');
  texts.write('abc', 256, 'latin1');
  using space = openAddressSpace(
    openCheckpoint(makeSet(dir, 'strings', { runs: [[BASE, 1, 4]], pages: [texts] })),
    PID,
  );
  const all = (options: Parameters<typeof memoryStrings>[1]) =>
    Array.from(memoryStrings(space, options), ({ text }) => text);
  assert.deepEqual(all({}), ['plain ascii', 'größer']);
  assert.deepEqual(all({ minLength: 3, encoding: 'ascii' }), ['plain ascii', 'abc']);
  assert.deepEqual(all({ encoding: 'utf16le' }), ['wide']);
});

test('places are addresses, ranges, names, with offsets', () => {
  using space = open();
  assert.deepEqual(findPlace(space, '0x10010'), { start: 0x10010n, end: undefined });
  assert.deepEqual(findPlace(space, '10010+0x10'), { start: 0x10020n, end: undefined });
  assert.deepEqual(findPlace(space, '10000-10020'), [{ start: 0x10000n, end: 0x10020n }]);
  for (const [text, why] of [
    ['[heap]', /no such mapping/],
    ['env:PATH', /without this variable/],
    ['sym:main', /no mapped file/],
    ['libc:x', /no file libc/],
    ['20-10', /ends before/],
  ] as const)
    // prettier-ignore
    assert.throws(() => findPlace(space, text), why);
});
