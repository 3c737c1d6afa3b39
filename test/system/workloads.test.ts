import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { CRIT, workloads } from '../programs.js';
import { test, type TestContext } from '../root.js';
import { cases, CHANGED_BY_DUMP } from '../differ/programs.js';
import { REFUSED } from './refused.js';
import { sleep } from './round-trip.js';
import { Workload } from './workload.js';

/** What comes back different, with the words of the log and what the program finds. */
const TOLD: Readonly<Record<string, { log: RegExp; verdict: string }>> = {};

/** What CRIU 4.2 itself loses or refuses, dumping or restoring. */
const CRIU_CANNOT: ReadonlySet<string> = new Set([
  'aio-places',
  'bpf-map',
  'creds',
  'devices',
  'epoll-targets',
  'eventfd-64bit',
  'eventfd-semaphore',
  'exit-signal',
  'fanotify-marks',
  'full-counters',
  'high-descriptors',
  'in-flight',
  'inet-options',
  'inotify-files',
  'io-uring',
  'io-uring-wait',
  'ipc-namespace',
  'keyrings',
  'leases',
  'link-remap-many',
  'locks-shared',
  'mem-guards',
  'mem-lock-future',
  'mem-lock-on-fault',
  'mem-merge',
  'mem-policies',
  'mem-sealed',
  'netlink-options',
  'mqueue',
  'orphan-session',
  'pending-signals',
  'pending-timers',
  'pidfds',
  'pipe-packet',
  'pipe-shapes',
  'posix-timer-overrun',
  'pty-flags',
  'pty-held',
  'pty-lines',
  'seccomp-tight',
  'shared-fs',
  'shared-tables',
  'shm-segments',
  'socket-ends',
  'socket-makers',
  'socket-options',
  'stopped-pending',
  'stopped-told',
  'subreaper-children',
  'tcp-closing',
  'tcp-outside',
  'tcp-states',
  'tcp-unconnected',
  'tcp-urgent',
  'thread-attributes',
  'timerfd-alarm',
  'timerfd-unread',
  'timerslack',
  'tree-orphan',
  'tun-devices',
  'udp-groups',
  'udp-mcast',
  'udp-queues',
  'unix-accepted-name',
  'unix-cred',
  'unix-datagrams',
  'unix-files',
  'unix-people',
  'unix-queues',
  'unix-urgent',
  'vt',
  'zombies',
]);

const CRIU = process.env['CRIU'];
const interchange = CRIU ? false : 'the variable CRIU names no other tool';

/** Starts a program for a test; what cannot be set up here skips the test. */
async function withWorkload(t: TestContext, name: string, work: (workload: Workload) => Promise<void>): Promise<void> {
  await using workload = await Workload.start(name);
  if (workload.obstacle === undefined) await work(workload);
  else t.skip(`cannot be set up here: ${workload.obstacle}`);
  workload.passed();
}

/** @param before dumps that leave it running, which must be seen in nothing */
async function roundTrip(
  t: TestContext,
  name: string,
  dumpedBy: string,
  restoredBy: string,
  before: number,
): Promise<void> {
  await withWorkload(t, name, async (workload) => {
    Object.assign(workload, { dumpedBy, restoredBy });
    for (let i = 0; i < before; i++) await workload.dump('-R');
    await workload.dump();
    workload.restore();
    await sleep(100);
    assert.equal(await workload.verdict(), TOLD[name]?.verdict ?? 'ok');
    const told = TOLD[name]?.log;
    if (told) assert.match(readFileSync(path.join(workload.images, 'restore.log'), 'utf8'), told);
  });
}

const supported = workloads().filter((name) => REFUSED[name] === undefined);

/** A whole run of the tests takes these through both kinds of dump in the differ, which asks for their verdict, too. */
const inDiffer = new Set(cases(false).flatMap(({ name, verdict, skip }) => (verdict && !skip ? [name] : [])));
const isChosen = process.execArgv.some((arg) => arg.startsWith('--test-name-pattern'));
const wanted = (name: string) => CRIU !== undefined || isChosen || !inDiffer.has(name);

for (const name of supported) {
  const title = TOLD[name] ? 'what comes back different is told' : 'comes back as it was';
  test(
    `${name}: ${title}, also after a dump that leaves it running`,
    { skip: wanted(name) ? false : 'the differ asks it' },
    (t) => roundTrip(t, name, CRIT, CRIT, CHANGED_BY_DUMP[name] ? 0 : 1),
  );
}

for (const [name, words] of Object.entries(REFUSED))
  test(`${name} is refused by name and runs on`, (t) =>
    withWorkload(t, name, async (workload) => {
      const { status, stderr } = workload.tryDump();
      assert.equal(status, 1);
      assert.ok(stderr.includes(words), stderr);
      assert.deepEqual(
        readdirSync(workload.images).filter((file) => file.endsWith('.img')),
        [],
      );
      assert.equal(await workload.verdict(), 'ok');
    }));

for (const name of supported.filter((n) => !CRIU_CANNOT.has(n) && !TOLD[n])) {
  test(`${name}: the other tool restores what crit dumped`, { skip: interchange }, (t) =>
    roundTrip(t, name, CRIT, CRIU!, 0),
  );
  test(`${name}: crit restores what the other tool dumped`, { skip: interchange }, (t) =>
    roundTrip(t, name, CRIU!, CRIT, 0),
  );
}
