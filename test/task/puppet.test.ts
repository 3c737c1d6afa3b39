import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import type { FrozenTree } from '../../src/dump/freeze.js';
import type { Borrowed } from '../../src/task/borrow.js';
import { RemoteError } from '../../src/task/remote-error.js';
import { giveFd } from '../../src/task/descriptors.js';
import { test } from '../root.js';
import { Subject } from '../system/round-trip.js';
import { withBorrowed } from './borrow-subject.js';

/** What must be the same before and after. */
function stateOf(pid: number) {
  return {
    maps: readFileSync(`/proc/${pid}/maps`, 'utf8'),
    fds: readdirSync(`/proc/${pid}/fd`),
    threads: readdirSync(`/proc/${pid}/task`).map((tid) => ({
      tid,
      mask: /SigBlk:\s*(\w+)/.exec(readFileSync(`/proc/${pid}/task/${tid}/status`, 'utf8'))![1],
    })),
  };
}

async function borrowed(work: (b: Borrowed, tree: FrozenTree, victim: Subject) => void): Promise<void> {
  await using victim = await Subject.ready('counter');
  const before = stateOf(victim.pid);
  withBorrowed(victim.pid, (b, tree) => {
    work(b, tree, victim);
  });
  assert.deepEqual(stateOf(victim.pid), before);
  assert.match(readFileSync(`/proc/${victim.pid}/status`, 'utf8'), /State:\s+[RSD]/);
  assert.match(readFileSync(`/proc/${victim.pid}/status`, 'utf8'), /TracerPid:\s+0/);
  victim.passed();
}

test('a puppet makes system calls as the task it is in', async () => {
  await borrowed((b, _, victim) => {
    assert.equal(b.puppet.must('getpid'), victim.pid);
  });
});

test('results of earlier calls and loaded words are arguments of later ones', async () => {
  await borrowed((b) => {
    const batch = b.puppet.batch();
    const pair = batch.out(8);
    batch.call('pipe2', pair, 0);
    batch.call('write', pair.int(4), 'hello', 5);
    const read = batch.out(16);
    const n = batch.call('read', pair.int(0), read, 16);
    const dup = batch.call('dup', pair.int(0));
    batch.call('close', dup);
    batch.call('close', pair.int(0));
    batch.call('close', pair.int(4));
    batch.run();
    assert.equal(Buffer.from(read.bytes.subarray(0, n.value)).toString(), 'hello');
  });
});

test('a batch larger than its ring runs in pieces, in order', async () => {
  await borrowed((b, _, victim) => {
    const batch = b.puppet.batch();
    const refs = Array.from({ length: 5000 }, () => batch.call('getpid'));
    batch.run();
    assert.ok(refs.every((ref) => ref.value === victim.pid));
  });
});

test('the first call that fails is named with its arguments and errno, and later ones do not run', async () => {
  await borrowed((b) => {
    const batch = b.puppet.batch();
    using _doing = batch.doing('opening a file');
    batch.call('openat', -100, '/does/not/exist', 0, 0);
    const later = batch.call('getpid');
    assert.throws(
      () => {
        batch.run();
      },
      (error: RemoteError) => {
        assert.equal(error.code, 'ENOENT');
        assert.match(
          error.message,
          /opening a file: task \d+: openat\(-100, "\/does\/not\/exist", 0, 0\): no such file or directory/,
        );
        return true;
      },
    );
    assert.throws(() => later.value);
  });
});

test('a call that may fail hands its errno on and the batch goes on', async () => {
  await borrowed((b) => {
    const batch = b.puppet.batch();
    const bad = batch.tryCall('close', 9999);
    const good = batch.call('getppid');
    batch.run();
    assert.equal(bad.value, -9);
    assert.ok(good.value > 0);
  });
});

test('a buffer of an earlier piece is refused', async () => {
  await borrowed((b) => {
    const batch = b.puppet.batch();
    const out = batch.out(16);
    batch.call('getpid');
    batch.run();
    assert.throws(() => batch.call('read', 0, out, 16), /earlier piece/);
  });
});

test('every thread answers for itself', async () => {
  await borrowed((b, tree) => {
    assert.ok(b.threads.length > 1);
    const answers = b.threads.slice(1).map((_, i) =>
      b.inThread(i + 1, (batch) => {
        const tid = batch.call('gettid');
        return () => tid.value;
      }),
    );
    assert.deepEqual(
      answers.map((answer) => answer()),
      tree.tasks[0]!.threads.slice(1).map((t) => t.tid),
    );
  });
});

test("crit's descriptor reaches the task and is closed there", async () => {
  await borrowed((b) => {
    using given = giveFd(b, 1);
    assert.ok(given.fd > 2);
    assert.equal(b.puppet.must('fcntl', given.fd, 1, 0), 1); // F_GETFD: FD_CLOEXEC
  });
});
