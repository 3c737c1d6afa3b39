import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { program } from '../programs.js';
import { test } from '../root.js';
import { sleep, Subject } from './round-trip.js';

test('a parent death signal comes back, and is not due when crit ends', async () => {
  await using subject = new Subject(program('orphan'), []);
  await subject.says('ready');
  await subject.dump();
  subject.restore();
  await sleep(300);
  assert.ok(existsSync(`/proc/${subject.pid}/exe`), 'it lives');
  process.kill(subject.pid, 'SIGUSR1');
  await subject.says(/ok|the signal is/);
  const ppid = Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${subject.pid}/status`, 'utf8'))?.[1]);
  assert.ok(existsSync(`/proc/${ppid}`));
  // inside the tree it works as it did
  process.kill(subject.pid, 'SIGUSR1');
  await subject.says('the child got SIGUSR2');
  assert.equal(subject.output, 'ready\nok\nthe child got SIGUSR2\n');
  subject.passed();
});
