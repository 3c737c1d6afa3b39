import assert from 'node:assert/strict';
import { before, NEEDS_ROOT, test } from '../root.js';
import { program } from '../programs.js';
import { sleep, Subject } from './round-trip.js';

/** By how much a machine with other things to do is slower than one where a dump takes this, ms. */
let slowness = 1;
const DUMP_MS = 700;

/** The limit of the calls. */
const limitMs = () => Math.round(8000 * slowness);
/** What a busy machine may add; far from the time that a limit would begin anew with. */
const lateMs = () => 1500 * slowness;
/** When the calls are dumped, and for how long. */
const atMs = () => 3000 * slowness;
const OFFLINE_MS = 1500;

before(async () => {
  if (NEEDS_ROOT !== false) return;
  await using subject = new Subject(program('timeouts'), ['100000']);
  await subject.says('ready');
  const begin = performance.now();
  await subject.dump('-R');
  slowness = Math.max(1, (performance.now() - begin) / DUMP_MS);
  subject.passed();
});

const EINTR = -4;
const EAGAIN = -11;
const ETIMEDOUT = -110;

/** What the calls of test/programs/timeouts.c return when their time is over. */
const RESULTS: Readonly<Record<string, number>> = {
  epoll_wait: 0,
  epoll_pwait: 0,
  epoll_pwait2: 0,
  poll: 0,
  ppoll: 0,
  select: 0,
  pselect: 0,
  futex: ETIMEDOUT,
  futex_until: ETIMEDOUT,
  futex_lock: ETIMEDOUT,
  futex_waitv: ETIMEDOUT,
  sigtimedwait: EAGAIN,
  semtimedop: EAGAIN,
  nanosleep: 0,
  nanosleep_rest: 0,
  nanosleep_same: 0,
  clock_nanosleep: 0,
  clock_nanosleep_rest: 0,
  clock_nanosleep_until: 0,
};
/** Nobody can give these the rest of their time: they say EINTR, as signal(7) has it. */
const INTERRUPTED: ReadonlySet<string> = new Set(['recv', 'recvmsg', 'send']);
/** Those that wait for a moment of a clock, which goes on while a process is dumped. */
const UNTIL: ReadonlySet<string> = new Set(['futex_until', 'futex_lock', 'futex_waitv', 'clock_nanosleep_until']);

/** The lines of the program's output. */
function calls(output: string): { name: string; ms: number; result: number }[] {
  return [...output.matchAll(/^(\w+) (\d+) (-?\d+)$/gm)].map(([, name, ms, result]) => ({
    name: name!,
    ms: Number(ms),
    result: Number(result),
  }));
}

/**
 * Calls that were stopped before: their time is found in the list of all timers of the machine, unless others that ended at the same
 * moment make that uncertain. They may say EINTR then.
 */
const UNCERTAIN: ReadonlySet<string> = new Set(['poll', 'futex', 'nanosleep', 'clock_nanosleep']);

/** @param offlineMs how long the process was dumped, at least and at most */
function check(output: string, offlineMs: readonly [number, number], stoppedBefore: boolean): void {
  const seen = calls(output);
  assert.deepEqual(
    seen.map(({ name }) => name).sort(),
    [...Object.keys(RESULTS), ...INTERRUPTED].sort(),
    'every call has returned',
  );
  // the kernel keeps their time by itself: what they are late is the machine's fault
  const most = Math.max(limitMs() + offlineMs[1], ...seen.filter(({ name }) => UNTIL.has(name)).map(({ ms }) => ms));
  const wrong = seen.filter(({ name, ms, result }) => {
    if (INTERRUPTED.has(name)) return result !== EINTR;
    if (stoppedBefore && UNCERTAIN.has(name) && result === EINTR) return false;
    // a time that was asked for is never cut short
    const least = limitMs() + (UNTIL.has(name) ? 0 : offlineMs[0]);
    return result !== RESULTS[name] || ms < least || ms > most + lateMs();
  });
  assert.deepEqual(wrong, []);
}

for (const [often, everyMs] of [
  ['once a second', 1000],
  ['several times a second', 250],
] as const)
  test(`calls with a time limit wait as long as they would, dumped ${often}`, async () => {
    await using subject = new Subject(program('timeouts'), [String(limitMs())]);
    await subject.says('ready');
    for (const until = Date.now() + limitMs() - 1000; Date.now() < until;) {
      try {
        await subject.dump('-R');
      } catch (error) {
        // on a busy machine it may have ended by now
        if (!subject.output.includes('done')) throw error;
      }
      await sleep(everyMs);
    }
    await subject.says('done', 0, 4 * limitMs());
    check(subject.output, [0, 0], false);
    subject.passed();
  });

for (const [after, dumps] of [
  ['', 0],
  [' that had been dumped before', 1],
] as const)
  test(`calls with a time limit of a restored process${after} wait for the time that was left`, async () => {
    await using subject = new Subject(program('timeouts'), [String(limitMs())]);
    await subject.says('ready');
    const start = performance.now();
    for (let i = 0; i < dumps; i++) await subject.dump('-R');
    await sleep(atMs() - (performance.now() - start));
    const offline = performance.now();
    await subject.dump();
    await sleep(OFFLINE_MS);
    subject.restore();
    // from somewhere within the dump to somewhere within the restore
    const most = performance.now() - offline;
    await subject.says('done', 0, 4 * limitMs());
    check(subject.output, [OFFLINE_MS, most], dumps > 0);
    subject.passed();
  });
