import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { CritError } from '../../src/image/errors.js';
import { test } from '../root.js';
import { comes, Subject } from '../system/round-trip.js';
import { withBorrowed } from './borrow-subject.js';
import { makeCures, readWritten, written } from './cures.js';

const stateOf = (pid: number) => ({
  maps: readFileSync(`/proc/${pid}/maps`, 'utf8'),
  fds: readdirSync(`/proc/${pid}/fd`),
  tracer: /TracerPid:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1],
});

test('300 cures run when crit is killed, the last that was made first, and the process goes on', async () => {
  await using victim = await Subject.ready('counter');
  const before = stateOf(victim.pid);
  const file = path.join(victim.dir, 'cures');
  const maker = path.join(import.meta.dirname, 'cure-maker.js');
  const crit = spawn(process.execPath, [maker, String(victim.pid), file], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exit = once(crit, 'exit');
  try {
    await once(crit.stdout, 'data');
    assert.deepEqual(readWritten(file), []);
  } finally {
    crit.kill('SIGKILL');
  }
  await exit;
  const isHome = () => JSON.stringify(stateOf(victim.pid)) === JSON.stringify(before);
  await comes(isHome);
  assert.deepEqual(readWritten(file), written());
  assert.deepEqual(stateOf(victim.pid), before);
  victim.passed();
});

test('crit makes the calls of cures itself when the puppet does not answer any more', async () => {
  await using victim = await Subject.ready('counter');
  const before = stateOf(victim.pid);
  const file = path.join(victim.dir, 'cures');
  withBorrowed(victim.pid, (b) => {
    const cures = makeCures(b, file);
    b.puppet.patience.spend(3900, b.pid);
    assert.throws(
      () => b.puppet.must('ppoll', 0, 0, 0, 0, 0),
      (error: CritError) => error.code === 'TIMEOUT',
    );
    // nobody knows what the puppet has done last
    for (const cure of cures) cure[Symbol.dispose]();
  });
  assert.deepEqual(readWritten(file), written());
  assert.deepEqual(stateOf(victim.pid), before);
  victim.passed();
});

test('cures that have ended are not made, and their places are used again', async () => {
  await using victim = await Subject.ready('counter');
  const before = stateOf(victim.pid);
  withBorrowed(victim.pid, (b) => {
    const most = Array.from({ length: 512 }, () => b.cure('exit_group', 1));
    assert.throws(() => b.cure('getpid'), /more than 512 cures/);
    for (const cure of most) cure[Symbol.dispose]();
    using first = b.cure('close', -1);
    assert.equal(first.address, most[0]!.address);
    most[0]![Symbol.dispose]();
    using second = b.cure('close', first.int(0));
    assert.notEqual(second.address, first.address);
  });
  assert.deepEqual(stateOf(victim.pid), before);
  victim.passed();
});
