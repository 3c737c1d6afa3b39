import assert from 'node:assert/strict';
import { test } from '../root.js';
import { sleep, Subject, verdict } from './round-trip.js';

test('threads that wait in system calls wait on after a restore, and see no EINTR', async () => {
  await using subject = await Subject.ready('waiting');
  await subject.dump();
  subject.restore();
  await sleep(100);
  assert.equal(await verdict(subject), 'ok\n');
  subject.passed();
});

test('threads that wait in system calls wait on after dumps that leave them running, and see no EINTR', async () => {
  await using subject = await Subject.ready('waiting');
  for (let i = 0; i < 3; i++) await subject.dump('-R');
  assert.equal(await verdict(subject), 'ok\n');
  subject.passed();
});
