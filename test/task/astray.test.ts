import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from '../root.js';
import { comes, Subject } from '../system/round-trip.js';
import { SIGSEGV, signalBit } from '../../src/kernel/uapi/signal.js';
import { sys } from '../../src/native/sys.js';
import { ALL_SIGNALS } from '../../src/task/borrowed-thread.js';
import type { Batch } from '../../src/task/batch.js';
import type { Borrowed } from '../../src/task/borrow.js';
import { withBorrowed } from './borrow-subject.js';

/** How often the blob faults while it is given back: the fault is queued before the stop, or after it. */
const TIMES = 40;
const NAP_MS = 3;
/** A victim that is killed is waited for in vain: its end is reported to its tracer, which is this process. */
const LIMIT = { timeout: 120_000 };

const stateOf = (pid: number) => ({
  maps: readFileSync(`/proc/${pid}/maps`, 'utf8'),
  status: readdirSync(`/proc/${pid}/task`).map((tid) =>
    readFileSync(`/proc/${pid}/task/${tid}/status`, 'utf8').match(/^(TracerPid|SigPnd|SigBlk):.*$/gm),
  ),
});

/** What waits for a signal blocks it for a moment when it begins anew. */
async function isAsBefore(pid: number, before: ReturnType<typeof stateOf>, time: number): Promise<void> {
  await comes(() => JSON.stringify(stateOf(pid)) === JSON.stringify(before), 20_000);
  assert.deepEqual(stateOf(pid), before, `time ${time}`);
}

/** All that the task could write is no address: whoever of its threads runs the blob returns to nowhere. */
function spoil(b: Borrowed): void {
  const { answersAddress, base, bytes } = b.area;
  bytes.fill(0xff, answersAddress - base);
}

/** The blob sleeps. When it wakes it finds its stack as `spoil` left it. */
const nap = (batch: Batch) =>
  batch.call('nanosleep', new Uint8Array(new BigInt64Array([0n, BigInt(NAP_MS * 1e6)]).buffer), 0);

/** Waits without giving way, as long as naps: the first time not quite, the last time a little longer. */
function untilItWakes(time: number): void {
  const until = performance.now() + NAP_MS * (0.9 + (0.3 * time) / TIMES);
  while (performance.now() < until);
}

test('a process whose blob faults while crit takes it out lives on', LIMIT, async () => {
  await using victim = await Subject.ready('counter');
  const before = stateOf(victim.pid);
  for (let i = 0; i < TIMES; i++) {
    withBorrowed(victim.pid, (b) => {
      const batch = b.puppet.batch();
      nap(batch);
      batch.submit();
      spoil(b);
      untilItWakes(i);
    });
    await isAsBefore(victim.pid, before, i);
  }
  victim.passed();
});

test('so does one whose other threads fault in the blob', LIMIT, async () => {
  await using victim = await Subject.ready('counting-threads');
  const before = stateOf(victim.pid);
  for (let i = 0; i < TIMES; i++) {
    withBorrowed(victim.pid, (b) => {
      for (let at = 1; at < b.threads.length; at++)
        b.inThread(at, (batch) => {
          nap(batch);
          return () => undefined;
        });
      spoil(b);
      untilItWakes(i);
    });
    await isAsBefore(victim.pid, before, i);
  }
  victim.passed();
});

test('a fault that the stop came before of is taken from the process', LIMIT, async () => {
  await using victim = await Subject.ready('counter');
  const before = stateOf(victim.pid);
  withBorrowed(victim.pid, (b) => {
    const { tracee } = b.threads[0]!;
    tracee.halt();
    tracee.waitTrap();
    // as the kernel forces a signal that is blocked
    tracee.setSigmask(ALL_SIGNALS & ~signalBit(SIGSEGV));
    sys('tgkill', victim.pid, victim.pid, SIGSEGV);
  });
  await isAsBefore(victim.pid, before, 0);
  victim.passed();
});

test('a stop that reaches a process while crit takes it out of the blob takes place', LIMIT, async () => {
  await using victim = await Subject.ready('counter');
  for (let i = 0; i < TIMES; i++) {
    withBorrowed(victim.pid, () => {
      process.kill(victim.pid, 'SIGSTOP');
    });
    const state = () => /^State:\s+(\w)/m.exec(readFileSync(`/proc/${victim.pid}/status`, 'utf8'))![1];
    await comes(() => state() === 'T', 20_000);
    assert.equal(state(), 'T', `time ${i}`);
    process.kill(victim.pid, 'SIGCONT');
  }
  victim.passed();
});
