import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import test from 'node:test';
import { readImage } from '../../src/decode/image-reader.js';
import { imageFileName, typeOfFileName } from '../../src/image/catalogue.js';
import type { PagemapEntry } from '../../src/image/generated/messages.js';
import {
  nrPages,
  pageFlags,
  pagemapOf,
  readRuns,
  splitPagemap,
  storedRuns,
  type PageRun,
} from '../../src/image/pagemap.js';
import { PE } from '../../src/image/vma-status.js';
import { fixture } from '../project-path.js';

const K = 0x1000;
const run = (start: number, end: number, flags: number = PE.PRESENT): PageRun => ({
  start: start * K,
  end: end * K,
  flags,
});
const entry = (page: number, nr_pages: bigint, rest: Partial<PagemapEntry> = {}): PagemapEntry => ({
  vaddr: BigInt(page * K),
  compat_nr_pages: 0,
  nr_pages,
  flags: PE.PRESENT,
  ...rest,
});
const read = (...entries: PagemapEntry[]) => [...readRuns('pagemap-1.img', entries)];

test('what is written is read again', () => {
  const runs = [run(1, 3), run(3, 4, PE.PRESENT | PE.LAZY), run(8, 9), run(2 ** 32, 2 ** 32 + 2 ** 21)];
  const [head, ...entries] = pagemapOf(7, runs);
  assert.deepEqual(head, { pages_id: 7 });
  assert.deepEqual(read(...entries), runs);
});

test('runs that touch are one entry, if their flags are the same', () => {
  const [, ...entries] = pagemapOf(1, [run(1, 2), run(2, 5), run(5, 6, PE.PRESENT | PE.LAZY), run(7, 8, PE.PRESENT)]);
  assert.deepEqual(
    entries.map(({ vaddr, nr_pages, flags }) => [vaddr, nr_pages, flags]),
    [
      [0x1000n, 4n, PE.PRESENT],
      [0x5000n, 1n, PE.PRESENT | PE.LAZY],
      [0x7000n, 1n, PE.PRESENT],
    ],
  );
});

test('runs have their bytes one after the other, those that are not there have none', () => {
  const runs = [run(1, 3), run(3, 5, PE.PARENT), run(5, 6), run(6, 7, PE.PRESENT | PE.LAZY), run(9, 10, PE.LAZY), run(10, 12)]; // prettier-ignore
  assert.deepEqual(storedRuns(4, runs), [
    { start: 1 * K, end: 3 * K, at: { pagesId: 4, offset: 0 } },
    { start: 5 * K, end: 7 * K, at: { pagesId: 4, offset: 2 * K } },
    { start: 10 * K, end: 12 * K, at: { pagesId: 4, offset: 4 * K } },
  ]);
});

test('older images: the number of pages in the older field, no flags, a parent by in_parent', () => {
  const old = { vaddr: 0n, compat_nr_pages: 3 };
  assert.equal(nrPages(old), 3n);
  assert.equal(nrPages({ ...old, nr_pages: 5n }), 5n);
  assert.equal(pageFlags(old), PE.PRESENT);
  assert.equal(pageFlags({ ...old, in_parent: false }), PE.PRESENT);
  assert.equal(pageFlags({ ...old, in_parent: true }), PE.PARENT);
  assert.equal(pageFlags({ ...old, flags: PE.LAZY }), PE.LAZY);
});

for (const [what, entries, message] of [
  ['no pages', [entry(1, 0n)], 'entries[1]: nr_pages is 0'],
  ['more pages than there are', [entry(1, (1n << 35n) + 1n)], 'entries[1]: nr_pages is 34359738369'],
  ['an address within a page', [entry(1, 1n, { vaddr: 0x1001n })], 'entries[1]: vaddr 0x1001 is not page aligned'],
  ['a run that overlaps', [entry(1, 2n), entry(2, 1n)], 'entries[2]: overlaps the one before, or is out of order'],
] as const)
  test(`a pagemap with ${what} is refused`, () => {
    assert.throws(() => read(...entries), { code: 'BAD_IMAGE', message: `pagemap-1.img: ${message}` });
  });

test('the pagemaps of the image sets are read, written the same, and fill their pages images', () => {
  let maps = 0;
  for (const set of readdirSync(fixture()))
    for (const file of readdirSync(fixture(set))) {
      const found = typeOfFileName(file);
      if (found?.type !== 'PAGEMAP' && found?.type !== 'SHMEM_PAGEMAP') continue;
      maps++;
      const messages = readImage(fixture(set), found.type, found.id).entries.map(({ message }) => message);
      const { head, entries } = splitPagemap(messages);
      const id = head!.pages_id;
      const runs = [...readRuns(file, entries)];
      assert.deepEqual(pagemapOf(id, runs), messages, `${set}/${file}`);
      const last = storedRuns(id, runs).at(-1);
      const bytes = last ? last.at.offset + last.end - last.start : 0;
      const pages = statSync(fixture(set, imageFileName('PAGES', id)), { throwIfNoEntry: false });
      if (pages) assert.equal(bytes, pages.size, `${set}/${file}`);
    }
  assert.ok(maps > 20);
});
