import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { makeSet, PID, vma } from '../inspect/one-task-set.js';
import { projectPath } from '../project-path.js';

const ROUNDS = Number(process.env['CRIT_BENCH_ROUNDS'] ?? 3);
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

/** The best time of a whole process, in ms. */
function best(command: string, args: readonly string[]): number | undefined {
  let ms = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const started = performance.now();
    const { status, error } = spawnSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    if (error || status !== 0) return undefined;
    ms = Math.min(ms, performance.now() - started);
  }
  return ms;
}

const rate = (ms: number | undefined): string =>
  ms === undefined ? '-' : `${(SIZE_BYTES / ms / 1e6).toFixed(2)} GB/s`;

/** Searching 1 GiB that is in the page cache, and making a core file of it. */
export function benchMemory(print: (line: string) => void): Promise<void> {
  const dir = mkdtempSync(path.join(tmpdir(), 'crit-bench-'));
  try {
    const set = makeLarge(dir);
    const pages = path.join(set, 'pages-1.img');
    const mem = (...args: string[]) => best(projectPath('bin/crit'), ['mem', set, String(PID), ...args]);
    const python = (...args: string[]) => best('python3', ['-c', PYTHON, pages, ...args]);
    print('| 1 GiB, best of the rounds, whole processes | crit | Python, mmap |\n| --- | --- | --- |');
    print(`| search for text | ${rate(mem('search', NEEDLE))} | ${rate(python(NEEDLE, 'text'))} |`);
    for (const expression of ['NEEDLE-[A-Z]+', '[A-Z]EEDLE'])
      print(
        `| search for /${expression}/ | ${rate(mem('search', `/${expression}/`))} | ${rate(python(expression, 'expression'))} |`,
      );
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  return Promise.resolve();
}
