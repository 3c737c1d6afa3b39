import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { CRIT, program } from '../programs.js';
import { test } from '../root.js';
import { isTraced, killInTheStop } from './kills.js';
import { comes, gone, isAlive, Subject } from './round-trip.js';

/** How many instants of a dump and of a restore crit is killed at; CRIT_KILLS asks for more, by hand: 300, 1000. */
const INSTANTS = Number(process.env['CRIT_KILLS'] ?? 60);

/** Most of a dump is start-up: so many of its few milliseconds of stop besides. Each takes a second. */
const IN_THE_STOP = process.env['CRIT_KILLS'] ? Math.ceil(INSTANTS / 2) : 15;

/** What a run may take on a machine with much else to do. */
const LONGEST_MS = 60_000;

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
  const run = await killed(args, LONGEST_MS);
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

/** Whether a process runs: nobody traces it, and a thread of it uses processor time from one look to the next. */
function running(pid: number): () => boolean {
  let before: string | undefined;
  return () => {
    if (isTraced(pid)) return false;
    const now = readdirSync(`/proc/${pid}/task`)
      .map((tid) => readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'utf8'))
      .join('');
    const ran = before !== undefined && now !== before;
    before = now;
    return ran;
  };
}

async function runs(pid: number): Promise<void> {
  if (!(await comes(running(pid))))
    assert.fail(`process ${pid} does not run: ${/State:.*/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![0]}`);
}

async function runsOrEnds(pid: number): Promise<void> {
  try {
    await runs(pid);
  } catch (error) {
    if (isAlive(pid)) throw error;
  }
}

/** Each thread heals when it is scheduled, one that waits for others within a second: nothing may be left after that. */
async function become<T>(state: () => T, expected: T, message: string): Promise<void> {
  await comes(() => isDeepStrictEqual(state(), expected));
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
  // tests beside this one leave some of theirs, for a moment
  const some = leftOver();
  await comes(() => !leftOver().some((pid) => some.includes(pid)));
  assert.deepEqual(
    leftOver().filter((pid) => some.includes(pid)),
    [],
  );
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
  const family = [victim.pid, ...childrenOf(victim.pid)];
  const states = () => family.map(stateOf);
  const before = states();
  await killInTheStop(victim, { tries: IN_THE_STOP, hits: Math.ceil(IN_THE_STOP / 4) }, async (atMs) => {
    await runs(victim.pid);
    await become(states, before, `killed ${atMs.toFixed(2)} ms into the stop`);
  });
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
    while (!isTraced(victim.pid) && isAlive(child.pid!));
    const instant = performance.now() + i / 3;
    while (performance.now() < instant);
    process.kill(victim.pid, 'SIGKILL');
    const late = setTimeout(() => child.kill('SIGKILL'), LONGEST_MS);
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
  const end = async () => {
    if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    await gone(pid);
  };
  const first = await killed(args, LONGEST_MS);
  assert.ok(isAlive(pid), readFileSync(path.join(subject.images, 'restore.log'), 'utf8'));
  await end();
  const spread = new Spread(first.ms);
  let hits = 0;
  for (let i = 0; i < INSTANTS; i++) {
    const run = await killed(args, spread.at(i));
    if (!run.killed) spread.tooLate(run.ms);
    else {
      hits++;
      // killed before the tasks were let go, nothing is left; after that the restore is complete and the task runs
      await comes(() => !isAlive(pid), 50);
      if (isAlive(pid)) await runsOrEnds(pid);
    }
    await end();
    assert.deepEqual(listing(), images);
  }
  assert.ok(hits > INSTANTS / 2, `only ${hits} of ${INSTANTS} runs were still going`);
  subject.passed();
});
