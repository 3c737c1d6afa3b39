import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { taskRss } from '../../src/inspect/rss.js';
import { imageSet } from './entries.js';

const vma = (start: bigint, end: bigint, status = 1, shmid = 0n): object => ({
  start,
  end,
  status,
  shmid,
  pgoff: 0n,
  prot: 3,
  flags: 0,
});

describe('taskRss', () => {
  const set = (pages: object[], vmas: object[]): ReturnType<typeof imageSet> =>
    imageSet({
      'pstree.img': [{ pid: 1, ppid: 0 }],
      'mm-1.img': [{ vmas }],
      'pagemap-1.img': [{ pages_id: 1 }, ...pages],
    });

  it('a run that crosses mappings names them all, the next run in the last one says so', () => {
    const pages = [
      { vaddr: 0x1000n, compat_nr_pages: 2, nr_pages: 2n, flags: 4 },
      { vaddr: 0x3000n, compat_nr_pages: 1, nr_pages: 1n, flags: 4 },
    ];
    const [task] = taskRss(set(pages, [vma(0x1000n, 0x2000n), vma(0x2000n, 0x8000n)]));
    assert.deepEqual(
      task?.ranges.map(({ vmas }) => vmas.map(({ start, again }) => [start, again])),
      [
        [
          [0x1000n, false],
          [0x2000n, false],
        ],
        [[0x2000n, true]],
      ],
    );
  });

  it('counts pages of images that have only the older field', () => {
    const [task] = taskRss(set([{ vaddr: 0x1000n, compat_nr_pages: 3 }], [vma(0x1000n, 0x4000n)]));
    assert.equal(task?.ranges[0]?.pages, 3n);
  });

  it('pages outside of every mapping have none', () => {
    const [task] = taskRss(set([{ vaddr: 0x1000n, compat_nr_pages: 1, nr_pages: 1n }], [vma(0x100000n, 0x200000n)]));
    assert.deepEqual(task?.ranges[0]?.vmas, []);
  });
});
