import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { CRIT, program } from '../programs.js';
import { test } from '../root.js';
import { Subject } from './round-trip.js';

/** How many instants of a dump and of a restore crit is killed at; CRIT_KILLS asks for more, by hand: 300, 1000. */
const INSTANTS = Number(process.env['CRIT_KILLS'] ?? 60);

/** Most of a dump is start-up: so many of its few milliseconds of stop besides. Each takes a second. */
const IN_THE_STOP = process.env['CRIT_KILLS'] ? Math.ceil(INSTANTS / 2) : 15;

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function workDir(): { dir: string } & Disposable {
  const dir = mkdtempSync(path.join(tmpdir(), 'crit-kill-'));
  return {
    dir,
    [Symbol.dispose]: () => {
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Runs crit and kills it after a while. @returns whether it was still running, and how long it ran */
async function killed(
  args: readonly string[],
  afterMs: number,
): Promise<{ killed: boolean; status: number | null; ms: number }> {
  const begin = performance.now();
  const child = spawn(CRIT, args, { stdio: 'ignore', env: { PATH: process.env['PATH'] } });
  const exit = new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
    child.once('exit', (...how) => {
      resolve(how);
    }),
  );
  const timer = setTimeout(() => child.kill('SIGKILL'), afterMs);
  const [status, signal] = await exit;
  clearTimeout(timer);
  return { killed: signal === 'SIGKILL', status, ms: performance.now() - begin };
}

/** Everything of a process that a dump must leave alone. */
function stateOf(pid: number) {
  return {
    maps: readFileSync(`/proc/${pid}/maps`, 'utf8'),
    fds: readdirSync(`/proc/${pid}/fd`).map((fd) => `${fd} ${readlinkSync(`/proc/${pid}/fd/${fd}`)}`),
    threads: readdirSync(`/proc/${pid}/task`).map((tid) => {
      const status = readFileSync(`/proc/${pid}/task/${tid}/status`, 'utf8');
      return `${tid} ${/SigBlk:\s*(\w+)/.exec(status)![1]} ${/SigPnd:\s*(\w+)/.exec(status)![1]}`;
    }),
    children: readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8'),
  };
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
}

/** The second has threads that sleep in the blob while crit works on other processes. */
const IN_THE_STOP_VICTIMS = [
  ['a process', 'counter'],
  ['a tree', 'heartbeat', '1', '0', '0', '3'],
] as const;

/** A run that is not killed: whatever is killed later would have come to a good end. */
async function works(args: readonly string[]): Promise<{ ms: number }> {
  const run = await killed(args, 10_000);
  assert.equal(run.status, 0);
  return run;
}

/** Spreads instants over the time that a run takes, which changes with what else the machine does. */
class Spread {
  #ms: number;
  constructor(ms: number) {
    this.#ms = ms;
  }
  /** Milliseconds from the start of a run. */
  at(i: number): number {
    return (this.#ms * i) / INSTANTS;
  }
  /** A run ended before it was killed. */
  tooLate(ms: number): void {
    this.#ms = Math.min(this.#ms, (this.#ms + ms) / 2);
  }
}

/** The process runs (a thread of it uses processor time again) and nobody traces it. */
async function runs(pid: number): Promise<void> {
  const ticks = () =>
    readdirSync(`/proc/${pid}/task`)
      .map((tid) => readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'utf8'))
      .join('');
  for (let i = 0; i < 100; i++) {
    const before = ticks();
    await sleep(5);
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    if (ticks() !== before && /TracerPid:\s+0/.test(status)) return;
  }
  assert.fail(`process ${pid} does not run: ${/State:.*/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![0]}`);
}

/** Each thread heals when it is scheduled, one that waits for others within a second: nothing may be left after that. */
async function become<T>(state: () => T, expected: T, message: string): Promise<void> {
  for (let i = 0; i < 200 && !isDeepStrictEqual(state(), expected); i++) await sleep(10);
  assert.deepEqual(state(), expected, message);
}

/** Processes of crit's own that outlived it. */
function leftOver(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const [, comm, state, ppid] = /\((.*)\) (\S) (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))!;
        return comm === 'rehearsal' && state !== 'Z' && ppid === '1' ? [pid] : [];
      } catch {
        return []; // it ended
      }
    });
}

async function leavesNothing(): Promise<void> {
  for (let i = 0; i < 100 && leftOver().length > 0; i++) await sleep(20);
  assert.deepEqual(leftOver(), []);
}

test(`a process that is being dumped runs on unchanged when crit is killed, at ${INSTANTS} instants`, async () => {
  await using victim = new Subject(program('counter'), []);
  await victim.says('ready');
  using work = workDir();
  const args = ['dump', '-t', String(victim.pid), '-D', work.dir, '-R', '-o', 'dump.log', '-v4'];
  await works(args);
  const spread = new Spread((await works(args)).ms);
  const before = stateOf(victim.pid);
  let hits = 0;
  for (let i = 0; i < INSTANTS; i++) {
    const at = spread.at(i);
    const run = await killed(args, at);
    if (run.killed) hits++;
    else spread.tooLate(run.ms);
    await runs(victim.pid);
    await become(() => stateOf(victim.pid), before, `killed after ${at.toFixed(2)} ms`);
  }
  assert.ok(hits > INSTANTS / 2, `only ${hits} of ${INSTANTS} runs were still going`);
  await leavesNothing();
  victim.passed();
});

for (const [what, name, ...args] of IN_THE_STOP_VICTIMS)
  test(`${what} that stands still runs on unchanged when crit is killed, at ${IN_THE_STOP} instants`, () =>
    killedInTheStop(program(name), args));

async function killedInTheStop(command: string, commandArgs: readonly string[]): Promise<void> {
  await using victim = new Subject(command, commandArgs);
  await victim.says('ready');
  using work = workDir();
  const args = ['dump', '-t', String(victim.pid), '-D', work.dir, '-R', '-o', 'dump.log', '-v3'];
  let frozenMs = Infinity;
  for (let i = 0; i < 3; i++) {
    await works(args);
    const log = readFileSync(path.join(work.dir, 'dump.log'), 'utf8');
    frozenMs = Math.min(frozenMs, Number(/frozen_time: (\d+) us/.exec(log)![1]) / 1000);
  }
  const family = [victim.pid, ...childrenOf(victim.pid)];
  const states = () => family.map(stateOf);
  const before = states();
  const isTraced = () => !/TracerPid:\s+0\n/.test(readFileSync(`/proc/${victim.pid}/status`, 'utf8'));
  let hits = 0;
  for (let i = 0; i < IN_THE_STOP; i++) {
    const child = spawn(CRIT, args, { stdio: 'ignore', env: { PATH: process.env['PATH'] } });
    const exit = new Promise((resolve) => child.once('exit', resolve));
    // not to be late by a turn of the event loop
    const until = performance.now() + 5000;
    while (!isTraced() && performance.now() < until);
    const instant = performance.now() + (2 * frozenMs * i) / IN_THE_STOP;
    while (performance.now() < instant);
    if (isTraced()) hits++;
    child.kill('SIGKILL');
    await exit;
    await runs(victim.pid);
    await become(states, before, `killed ${((2 * frozenMs * i) / IN_THE_STOP).toFixed(2)} ms into the stop`);
  }
  assert.ok(hits > IN_THE_STOP / 5, `only ${hits} of ${IN_THE_STOP} dumps were killed in the stop`);
  victim.passed();
}

test('a dump ends by itself when its process is killed, at 16 instants of the stop', async () => {
  using work = workDir();
  for (let i = 0; i < 16; i++) {
    // it has two threads: the kernel reports the end of the first when the second has been waited for
    await using victim = new Subject(program('heartbeat'), ['1']);
    await victim.says('ready');
    const args = ['dump', '-t', String(victim.pid), '-D', work.dir, '-R', '-o', 'dump.log'];
    const child = spawn(CRIT, args, { stdio: 'ignore', env: { PATH: process.env['PATH'] } });
    const exit = new Promise<number | null>((resolve) => child.once('exit', resolve));
    const until = performance.now() + 5000;
    while (/TracerPid:\s+0\n/.test(readFileSync(`/proc/${victim.pid}/status`, 'utf8')) && performance.now() < until);
    const instant = performance.now() + i / 3;
    while (performance.now() < instant);
    process.kill(victim.pid, 'SIGKILL');
    const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
    const status = await exit;
    clearTimeout(late);
    assert.ok(status === 0 || status === 1, `killed ${i / 3} ms into the stop: crit hangs`);
    victim.passed();
  }
});

test(`a restore that is killed leaves no task behind, at ${INSTANTS} instants`, async () => {
  await using subject = new Subject(program('counter'), []);
  await subject.says('ready');
  const { pid } = subject;
  await subject.dump();
  const listing = () =>
    readdirSync(subject.images)
      .filter((name) => name.endsWith('.img'))
      .sort();
  const images = listing();
  const args = [
    'restore',
    '-d',
    '-D',
    subject.images,
    '-o',
    'restore.log',
    '-v4',
    '--pidfile',
    path.join(subject.images, 'pid'),
  ];
  const alive = () => {
    try {
      return !/State:\s+[ZX]/.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
    } catch {
      return false;
    }
  };
  const end = async () => {
    if (alive()) process.kill(pid, 'SIGKILL');
    for (let i = 0; i < 400 && existsSync(`/proc/${pid}`); i++) await sleep(10);
  };
  const first = await killed(args, 10_000);
  assert.ok(alive(), readFileSync(path.join(subject.images, 'restore.log'), 'utf8'));
  await end();
  const spread = new Spread(first.ms);
  let hits = 0;
  for (let i = 0; i < INSTANTS; i++) {
    const run = await killed(args, spread.at(i));
    if (!run.killed) spread.tooLate(run.ms);
    else {
      hits++;
      // killed before the tasks were let go, nothing is left; after that the restore is complete and the task runs
      for (let k = 0; k < 50 && alive(); k++) await sleep(1);
      if (alive()) await runs(pid);
    }
    await end();
    assert.deepEqual(listing(), images);
  }
  assert.ok(hits > INSTANTS / 2, `only ${hits} of ${INSTANTS} runs were still going`);
  subject.passed();
});
