import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import test from 'node:test';
import { crit, Subject } from './round-trip.js';

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

const program = (sharing: string) => `
import mmap, time
m = mmap.mmap(-1, 8 << 20, flags=mmap.${sharing} | mmap.MAP_ANONYMOUS | 0x40000)
m[0:8] = b'abcdefgh'; m[(4 << 20) + 5] = 7
while True:
    assert m[0:8] == b'abcdefgh' and m[(4 << 20) + 5] == 7
    print('ready')
    time.sleep(0.02)`;

test('private huge pages come back as such; shared ones are refused by name', async (t) => {
  using pool = hugePages(16);
  if (pool.count < 12) {
    t.skip(`the kernel has ${pool.count} huge pages to give`);
    return;
  }
  {
    await using subject = new Subject('python3', ['-u', '-c', program('MAP_PRIVATE')]);
    await subject.says('ready');
    await subject.dump();
    subject.restore();
    await subject.saysMore();
    await subject.saysMore();
    assert.match(readFileSync(`/proc/${subject.pid}/status`, 'utf8'), /HugetlbPages:\s+[1-9]/);
    subject.passed();
  }
  await using subject = new Subject('python3', ['-u', '-c', program('MAP_SHARED')]);
  await subject.says('ready');
  const { status, stderr } = crit('dump', '-t', String(subject.pid), '-D', subject.images, '-o', '/dev/null');
  assert.equal(status, 1);
  assert.match(stderr, /mapping [0-9a-f]+-[0-9a-f]+.*huge pages/);
  await subject.saysMore();
  subject.passed();
});
