import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { writeImage } from '../../src/encode/image-writer.js';
import { CritError } from '../../src/image/errors.js';
import { VMA } from '../../src/image/vma-status.js';
import { openAddressSpace } from '../../src/inspect/address-space/address-space.js';
import { openCheckpoint } from '../../src/inspect/checkpoint.js';
import { makeSet, owner, page, pagemap, PID, vma } from './one-task-set.js';

const dir = mkdtempSync(path.join(tmpdir(), 'crit-memory-'));
after(() => {
  rmSync(dir, { recursive: true, force: true });
});

const zeros = Buffer.alloc(4096);

const spaceOf = (set: string, root?: string | null) =>
  openAddressSpace(openCheckpoint(set), PID, root === undefined ? {} : { root });

test('pages come from the image, holes of anonymous memory are zeros', () => {
  const set = makeSet(dir, 'plain', { runs: [[0x10000, 1, 4], [0x12000, 1, 4]], pages: [page('a'), page('b')] }); // prettier-ignore
  using space = spaceOf(set);
  const { bytes, stopped } = space.read(0x10ffen, 0x1004);
  assert.equal(stopped, undefined);
  assert.deepEqual(bytes, Buffer.concat([page('a').subarray(0, 2), zeros, page('b').subarray(0, 2)]));
  assert.deepEqual(
    [...space.runs(0xf000n, 0x13000n)].map(({ start, end, source }) => [start, end, source.kind]),
    [
      [0xf000n, 0x10000n, 'none'],
      [0x10000n, 0x11000n, 'image'],
      [0x11000n, 0x12000n, 'zero'],
      [0x12000n, 0x13000n, 'image'],
    ],
  );
  assert.match(space.read(0x1fff0n, 0x100).stopped?.reason ?? '', /nothing is mapped/);
});

test('pages of a parent, and of its parent, are found where they are', () => {
  makeSet(dir, 'p0', { runs: [[0x10000, 4, 4]], pages: [page('0'), page('1'), page('2'), page('3')] });
  makeSet(dir, 'p1', { runs: [[0x10000, 1, 1], [0x11000, 1, 4], [0x12000, 2, 1]], pages: [page('x')], parent: 'p0' }); // prettier-ignore
  const set = makeSet(dir, 'p2', { runs: [[0x10000, 3, 1], [0x13000, 1, 4]], pages: [page('y')], parent: 'p1' }); // prettier-ignore
  using space = spaceOf(set);
  assert.deepEqual(space.read(0x10000n, 0x4000).bytes, Buffer.concat([page('0'), page('x'), page('2'), page('y')]));
  assert.deepEqual(
    [...space.runs(0x10000n, 0x14000n)].map(({ source }) => 'depth' in source && source.depth),
    [2, 1, 2, 0],
  );
  rmSync(path.join(dir, 'p0'), { recursive: true });
  using broken = spaceOf(set);
  assert.match(broken.read(0x10000n, 10).stopped?.reason ?? '', /increment of the one/);
  assert.equal(broken.read(0x13000n, 1).bytes.toString(), 'y');
  assert.equal(broken.warnings.length, 1);
});

test('older images tell by in_parent and compat_nr_pages', () => {
  makeSet(dir, 'old0', { runs: [[0x10000, 2, 4]], pages: [page('o'), page('p')] });
  const set = makeSet(dir, 'old1', { parent: 'old0' });
  const older = { vaddr: 0x10000n, compat_nr_pages: 2, in_parent: true };
  writeImage(set, 'PAGEMAP', PID, [{ message: { pages_id: 1 } }, { message: older }]);
  using space = spaceOf(set);
  assert.equal(space.read(0x11000n, 1).bytes.toString(), 'p');
});

test('shared memory and memfds are read by their own pagemaps, private pages lie over them', () => {
  const set = makeSet(dir, 'shared', {
    vmas: [
      vma(0x10000, 0x13000, VMA.REGULAR | VMA.ANON_SHARED, { shmid: 5n, pgoff: 0x1000n, flags: 0x21 }),
      vma(0x20000, 0x22000, VMA.REGULAR | VMA.FILE_PRIVATE | VMA.MEMFD, { shmid: 9n, flags: 2 }),
      vma(0x30000, 0x31000, VMA.REGULAR | VMA.ANON_SHARED, { shmid: 404n, flags: 0x21 }),
    ],
    runs: [[0x21000, 1, 4]],
    pages: [page('own')],
    files: [{ type: 18, id: 9, memfd: { id: 9, flags: 2, pos: 0n, fown: owner, inode_id: 3 } }],
  });
  pagemap(set, 'SHMEM_PAGEMAP', 5, 2, [[0x0, 2, 4], [0x3000, 1, 4]]); // prettier-ignore
  writeFileSync(path.join(set, 'pages-2.img'), Buffer.concat([page('0'), page('1'), page('3')]));
  pagemap(set, 'SHMEM_PAGEMAP', 6, 3, [[0x0, 2, 4]]);
  writeFileSync(path.join(set, 'pages-3.img'), Buffer.concat([page('m'), page('n')]));
  const memfd = { name: 'box', uid: 0, gid: 0, size: 0x2000n, shmid: 6, seals: 0, inode_id: 3n };
  writeImage(set, 'MEMFD_INODE', undefined, [{ message: memfd }]);
  using space = spaceOf(set);
  assert.deepEqual(space.read(0x10000n, 0x3000).bytes, Buffer.concat([page('1'), zeros, page('3')]));
  assert.deepEqual(space.read(0x20000n, 0x2000).bytes, Buffer.concat([page('m'), page('own')]));
  assert.equal(space.mappings[1]?.name, '/memfd:box (deleted)');
  assert.match(space.read(0x30000n, 1).stopped?.reason ?? '', /pagemap-shmem-404\.img is not there/);
});

test('a mapped file is read while it is the same, and not from elsewhere', () => {
  const root = path.join(dir, 'root');
  mkdirSync(root);
  writeFileSync(path.join(root, 'lib'), Buffer.concat([page('L'), Buffer.from('end')]));
  const set = makeSet(dir, 'file', {
    vmas: [vma(0x10000, 0x13000, VMA.REGULAR | VMA.FILE_PRIVATE, { shmid: 4n, flags: 2 })],
    files: [{ type: 1, id: 4, reg: { id: 4, flags: 0, pos: 0n, fown: owner, name: '/lib', size: 4099n } }],
  });
  {
    using space = spaceOf(set, root);
    const { bytes, stopped } = space.read(0x10fffn, 0x3000);
    assert.deepEqual(bytes, Buffer.concat([Buffer.from('Lend'), Buffer.alloc(4093)]));
    assert.match(stopped?.reason ?? '', /behind the end/);
  }
  truncateSync(path.join(root, 'lib'), 4100);
  for (const [at, why] of [
    [root, /another size/],
    [null, /is in the file/],
    ['/nonexistent', /cannot be read here/],
  ] as const) {
    // prettier-ignore
    using space = spaceOf(set, at);
    assert.match(space.read(0x10000n, 1).stopped?.reason ?? '', why);
  }
});

test('what is damaged is told, and the rest is read', () => {
  const set = makeSet(dir, 'cut', { runs: [[0x10000, 3, 4]], pages: [page('a'), page('b').subarray(0, 100)] });
  {
    using space = spaceOf(set);
    const { bytes, stopped } = space.read(0x10000n, 0x3000);
    assert.deepEqual(bytes, page('a'));
    assert.match(stopped?.reason ?? '', /pages-1\.img ends before it/);
  }
  pagemap(set, 'PAGEMAP', PID, 1, [[0x10000, 1, 4], [0x8000, 1, 4]]); // prettier-ignore
  {
    using space = spaceOf(set);
    assert.equal(space.read(0x10000n, 1).bytes.toString(), 'a');
    assert.match(space.warnings.join(), /out of order/);
  }
  rmSync(path.join(set, 'pagemap-7.img'));
  {
    using space = spaceOf(set);
    assert.match(space.read(0x10000n, 1).stopped?.reason ?? '', /pagemap-7\.img/);
  }
  const odd = [vma(0x1001, 0x3000), vma(0x9000, 0x8000), vma(0x10000, 0x12000), vma(0x11000, 0x13000)];
  using space = spaceOf(makeSet(dir, 'odd', { vmas: odd }));
  assert.equal(space.mappings.length, 1);
  assert.equal(space.warnings.length, 3);
});

test('addresses and sizes beyond all bounds take no time', () => {
  const top = 0xffffffffffffe000n;
  const huge = vma(0x1000, 0x2000, VMA.REGULAR | VMA.ANON_PRIVATE, { start: 0x1000n, end: top });
  const shared = vma(0, 0, VMA.REGULAR | VMA.ANON_SHARED, { start: top, end: top + 0x1000n, shmid: 5n, pgoff: top });
  const set = makeSet(dir, 'huge', { vmas: [huge, shared], runs: [[0x1000, 2 ** 35, 4]], pages: [page('a')] });
  pagemap(set, 'SHMEM_PAGEMAP', 5, 1, [[0, 1, 4]]);
  using space = spaceOf(set);
  assert.deepEqual(
    [...space.pieces()].map(({ kind }) => kind),
    ['bytes', 'none', 'zero', 'bytes'],
  );
});

test('a process that the set does not have is told with those that it has', () => {
  assert.throws(
    () => openAddressSpace(openCheckpoint(path.join(dir, 'plain')), 8),
    (error) => error instanceof CritError && error.code === 'NO_PROCESS' && /it has 7$/.test(error.message),
  );
});
