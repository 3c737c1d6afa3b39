import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from '../root.js';
import { Subject } from './round-trip.js';

const POOL = '/proc/sys/vm/nr_hugepages';

/** Has the kernel keep huge pages for a test. @returns how many it has; the old number is put back */
function hugePages(count: number): { count: number } & Disposable {
  const before = readFileSync(POOL, 'utf8');
  try {
    writeFileSync(POOL, String(count));
  } catch {
    return { count: 0, [Symbol.dispose]: () => undefined };
  }
  return {
    count: Number(readFileSync(POOL, 'utf8')),
    [Symbol.dispose]: () => {
      writeFileSync(POOL, before);
    },
  };
}

const program = (memory: string) => `
import mmap, os, time
m = ${memory}
m[0:8] = b'abcdefgh'; m[(4 << 20) + 5] = 7
if os.fork() == 0:
    m[(6 << 20) + 1] = 9
    time.sleep(1000)
while m[(6 << 20) + 1] != shared * 9:
    time.sleep(0.01)
while True:
    assert m[0:8] == b'abcdefgh' and m[(4 << 20) + 5] == 7 and m[(6 << 20) + 1] == shared * 9 and m[2 << 20] == 0
    print('ready')
    time.sleep(0.02)`;

const KINDS = [
  ['private', 'mmap.mmap(-1, 8 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40000); shared = 0'],
  ['shared', 'mmap.mmap(-1, 8 << 20, flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS | 0x40000); shared = 1'],
  [
    'a memfd of',
    "(f := os.memfd_create('big', os.MFD_HUGETLB | os.MFD_ALLOW_SEALING), os.ftruncate(f, 8 << 20), mmap.mmap(f, 0))[2]; shared = 1",
  ],
] as const;

for (const [name, memory] of KINDS)
  test(`${name} huge pages come back as such`, async (t) => {
    using pool = hugePages(32);
    if (pool.count < 16) {
      t.skip(`the kernel has ${pool.count} huge pages to give`);
      return;
    }
    await using subject = new Subject('python3', ['-u', '-c', program(memory)]);
    await subject.says('ready');
    await subject.dump();
    subject.restore();
    await subject.saysMore();
    await subject.saysMore();
    assert.match(readFileSync(`/proc/${subject.pid}/status`, 'utf8'), /HugetlbPages:\s+[1-9]/);
    subject.passed();
  });
