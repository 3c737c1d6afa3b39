import assert from 'node:assert/strict';
import test from 'node:test';
import { formatTimeOffsets, parseTimeOffsets, type BootClocks } from '../../src/kernel/proc/time-namespace.js';
import { planClocks } from '../../src/restore/clocks.js';

const S = 1_000_000_000n;
const both = (seconds: bigint): BootClocks => ({ monotonicNs: seconds * S, boottimeNs: seconds * S });
const NONE = both(0n);
const dumped = { ...both(500n), realtimeNs: 10_000n * S, offsets: NONE };

test('on the same boot nothing has to be done, though time has passed and the machine was suspended', () => {
  assert.equal(planClocks(dumped, { ...both(600n), realtimeNs: 10_100n * S, offsets: NONE }, false), undefined);
  const suspended = { monotonicNs: 510n * S, boottimeNs: 600n * S, realtimeNs: 10_100n * S, offsets: NONE };
  assert.equal(planClocks(dumped, suspended, false), undefined);
});

test('after a reboot, or on another machine, the clocks go on where they were', () => {
  for (const uptime of [3n, 499n, 9000n]) {
    const now = { ...both(uptime), realtimeNs: 10_100n * S, offsets: NONE };
    assert.deepEqual(planClocks(dumped, now, false), both(500n - uptime));
  }
  // by chance the uptime fits, but not the time of day
  const later = { ...both(600n), realtimeNs: 90_000n * S, offsets: NONE };
  assert.deepEqual(planClocks(dumped, later, false), both(-100n));
  // crit itself is in a time namespace: offsets count from the machine's clocks
  const inside = { ...both(100n), realtimeNs: 10_001n * S, offsets: both(-2000n) };
  assert.deepEqual(planClocks(dumped, inside, false), both(500n - 2100n));
  // nobody knows when the images were made
  const unknown = { ...dumped, realtimeNs: undefined, offsets: undefined };
  assert.deepEqual(planClocks(unknown, { ...both(600n), realtimeNs: 0n, offsets: NONE }, false), both(-100n));
});

test('a time namespace keeps its offsets on the same boot, and its clocks on another', () => {
  const own = { ...both(10_500n), realtimeNs: 10_000n * S, offsets: both(10_000n) };
  const now = { ...both(600n), realtimeNs: 10_100n * S, offsets: NONE };
  assert.deepEqual(planClocks(own, now, true), both(10_000n));
  assert.deepEqual(planClocks(own, { ...both(40n), realtimeNs: 10_100n * S, offsets: NONE }, true), both(10_460n));
  const same = { ...both(10_600n), realtimeNs: 10_100n * S, offsets: both(10_000n) };
  assert.equal(planClocks(own, same, true), undefined, 'crit is in one like it');
  assert.deepEqual(planClocks({ ...own, offsets: undefined }, now, true), both(9900n), 'images of CRIU');
});

test('offsets are written as the kernel wants them: nanoseconds are never negative', () => {
  assert.deepEqual(parseTimeOffsets('monotonic       10000         0\nboottime           -3 500000000\n'), {
    monotonicNs: 10_000n * S,
    boottimeNs: -2_500_000_000n,
  });
  assert.equal(
    formatTimeOffsets({ monotonicNs: 10_000n * S + 7n, boottimeNs: -2_500_000_000n }),
    'monotonic 10000 7\nboottime -3 500000000\n',
  );
});
