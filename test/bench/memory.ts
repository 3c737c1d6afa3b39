import { closeSync, cpSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ImageDir } from '../../src/encode/image-dir.js';
import { fixture } from '../project-path.js';
import { makeSet, PID, vma } from '../inspect/one-task-set.js';
import { compare, CRIT, TABLE_HEAD, type Tool } from './compare.js';

const SIZE_BYTES = 1 << 30;
const PIECE_BYTES = 16 << 20;
const START = 0x10000;
const NEEDLE = 'NEEDLE-IN-HAY';

/** The same search in Python, over the pages image as such. */
const PYTHON = `
import mmap, re, sys
file = open(sys.argv[1], 'rb')
memory = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
what = sys.argv[2].encode()
found = [m.start() for m in re.finditer(what, memory)] if sys.argv[3] == 'expression' else memory.find(what)
`;

/** A set with 1 GiB of memory: half random bytes, half letters. */
function makeLarge(dir: string): string {
  const set = makeSet(dir, 'large', {
    vmas: [vma(START, START + SIZE_BYTES)],
    runs: [[START, SIZE_BYTES / 4096, 4]],
  });
  // its registers, which a core file has
  new ImageDir(set).write('CORE', PID, new ImageDir(fixture('tree')).read('CORE', 812).entries);
  const fd = openSync(path.join(set, 'pages-1.img'), 'w');
  const bytes = Buffer.alloc(PIECE_BYTES);
  let x = 1;
  for (let i = 0; i < bytes.length; i += 4) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    bytes.writeUInt32LE(((i >> 12) & 1 ? (x & 0x0f0f0f0f) | 0x60606060 : x) >>> 0, i);
  }
  for (let at = 0; at < SIZE_BYTES; at += PIECE_BYTES) {
    if (at + PIECE_BYTES === SIZE_BYTES) bytes.write(NEEDLE, PIECE_BYTES - 100, 'latin1');
    writeSync(fd, bytes);
  }
  closeSync(fd);
  return set;
}

/** Searching 1 GiB that is in the page cache, comparing it with its like, and making a core file of it. */
export async function benchMemory(print: (line: string) => void): Promise<void> {
  const dir = mkdtempSync(path.join(tmpdir(), 'crit-bench-'));
  const python: Tool = { name: 'Python, mmap', command: ['python3', '-c', PYTHON] };
  try {
    const set = makeLarge(dir);
    const pages = path.join(set, 'pages-1.img');
    TABLE_HEAD.forEach(print);
    const search = (what: string, pattern: string, pythons: readonly string[]): Promise<void> =>
      compare(print, {
        what: `mem search for ${what}`,
        sizeBytes: SIZE_BYTES,
        tools: [
          [CRIT, ['mem', set, String(PID), 'search', pattern]],
          [python, [pages, ...pythons]],
        ],
      });
    await search('text', NEEDLE, [NEEDLE, 'text']);
    for (const expression of ['NEEDLE-[A-Z]+', '[A-Z]EEDLE'])
      await search(`/${expression}/`, `/${expression}/`, [expression, 'expression']);
    const other = path.join(dir, 'other');
    cpSync(set, other, { recursive: true });
    await compare(print, { what: 'diff of two sets', sizeBytes: SIZE_BYTES, tools: [[CRIT, ['diff', set, other]]] });
    rmSync(other, { recursive: true });
    await compare(print, {
      what: 'core file, to the disk',
      sizeBytes: SIZE_BYTES,
      tools: [
        [CRIT, ['core', set, String(PID), '-o', path.join(dir, 'core')]],
        [
          { name: 'dd, fsync', command: ['dd', 'bs=1M', 'conv=fsync'] },
          [`if=${pages}`, `of=${path.join(dir, 'copy')}`, 'status=none'],
        ],
      ],
    });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
