import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from '../root.js';
import { crit, sleep, Subject } from './round-trip.js';

/** Attaches a segment: by its id, or a new one with a key, or by IPC_PRIVATE (0), which it has removed at once. */
const attacher = (id: string) => `
import ctypes, os, time
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
segment = ${id}
assert segment >= 0
at = libc.shmat(segment, None, 0)
ctypes.memmove(at, b'content', 7)
print('ready', segment, flush=True)
while True: time.sleep(60)
`;

const KEY = 0x7c180000 + (process.pid & 0xffff);
const make = (flags: string) => `libc.shmget(${KEY}, 8192, ${flags})`;

async function segmentOf(subject: Subject): Promise<number> {
  await subject.says('ready');
  return Number(/ready (\d+)/.exec(subject.output)![1]);
}

const remove = (id: number) => spawnSync('ipcrm', ['-m', String(id)], { timeout: 10_000 });

test('a segment that others have attached is refused', async () => {
  await using first = new Subject('python3', ['-c', attacher(make('0o1600'))]);
  const id = await segmentOf(first);
  try {
    await using other = new Subject('python3', ['-c', attacher(String(id))]);
    await segmentOf(other);
    const { status, stderr } = first.tryDump();
    assert.equal(status, 1);
    assert.match(stderr, /has 2 mappings, of which 1 are those of the tree: dump all processes/);
    other.passed();
  } finally {
    remove(id);
  }
  first.passed();
});

test('another segment in the place of that of the dump is refused, and left alone', async () => {
  await using subject = new Subject('python3', ['-c', attacher(make('0o1600'))]);
  const id = await segmentOf(subject);
  let other: number | undefined;
  try {
    await subject.dump();
    remove(id);
    {
      await using stranger = new Subject('python3', ['-c', attacher(make('0o1600'))]);
      other = await segmentOf(stranger);
      const { status, stderr } = crit('restore', '-d', '-D', subject.images);
      assert.equal(status, 1);
      assert.match(stderr, /cannot be made: segment \d+ has its key; remove it|is another one than that of the dump/);
      stranger.passed();
    }
    // nobody has it any more, and it is there still
    assert.equal(remove(other).status, 0);
    other = undefined;
    subject.restore();
    process.kill(subject.pid, 'SIGKILL');
    await sleep(100);
  } finally {
    remove(id);
    if (other !== undefined) remove(other);
  }
  subject.passed();
});
