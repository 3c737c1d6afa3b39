import assert from 'node:assert/strict';
import { program } from '../programs.js';
import { test } from '../root.js';
import { sleep, Subject, verdict } from './round-trip.js';

for (const [name, what] of [
  ['waiting', 'threads that wait in system calls wait on, and see no EINTR'],
  ['attributes', 'unusual credentials, scheduling, signals and timers of a process and its threads come back'],
  [
    'corners',
    'lone pages, guard pages, droppable memory, timers of libc, a job stopped by ^Z, a zombie of a dead group, files in /proc',
  ],
  [
    'details',
    "a stopped process's pending signals, exit signals, names of zombies, si_fd, sealed memory, shared tables come back",
  ],
  ['memory-settings', 'NUMA policies of threads and mappings, and locks of memory to come, are what they were'],
  [
    'apart',
    "a thread's personality, a zombie's user, a child without its parent's advice, memory below a stack inside the stack come back",
  ],
] as const) {
  test(what, async () => {
    await using subject = new Subject(program(name), []);
    await subject.says('ready');
    await subject.dump();
    subject.restore();
    await sleep(100);
    assert.equal(await verdict(subject), 'ok\n');
    subject.passed();
  });

  test(`${what}: after dumps that leave it running`, async () => {
    await using subject = new Subject(program(name), []);
    await subject.says('ready');
    for (let i = 0; i < 3; i++) await subject.dump('-R');
    assert.equal(await verdict(subject), 'ok\n');
    subject.passed();
  });
}
