import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { CRIT, program } from '../programs.js';
import { test } from '../root.js';
import { comes, crit, gone, isAlive, sleep, Subject } from './round-trip.js';

const PTRACE = '101';
const PROCESS_VM_WRITEV = '311';
const ENOMEM = '12';
const EIO = '5';
const CHILDREN = 3;
/** Of the last calls of a restore, every so many is tried: 1 by hand. */
const STEP = Number(process.env['CRIT_COMMIT_STEP'] ?? 4);

/** Runs crit under test/programs/inject.c. */
function injected(nr: string, k: number, how: string, args: readonly string[]) {
  // node itself, so that its first thread is traced, not a shell's
  return spawnSync(program('inject'), [nr, String(k), how, process.execPath, CRIT, ...args], {
    encoding: 'utf8',
    timeout: 60_000,
    env: { PATH: process.env['PATH'] },
  });
}

const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);

/** Those that are there and no zombies. */
const alive = (pids: readonly number[]): number[] => pids.filter(isAlive);

function end(pids: readonly number[]): void {
  for (const pid of alive(pids)) process.kill(pid, 'SIGKILL');
}

test('a restore that is killed at one of its last calls leaves the whole tree or nothing', async () => {
  await using subject = new Subject(program('heartbeat'), ['1', '0', '0', String(CHILDREN)]);
  await subject.says('ready');
  const pids = [subject.pid, ...childrenOf(subject.pid)];
  assert.equal(pids.length, 1 + CHILDREN);
  const dumped = crit('dump', '-t', String(subject.pid), '-D', subject.images, '-o', 'dump.log');
  assert.equal(dumped.status, 0, dumped.stderr);
  await gone(...pids);
  const args = ['restore', '-d', '-D', subject.images, '-o', 'restore.log'];
  const counted = injected(PTRACE, 0, 'count', args);
  const calls = Number(/calls (\d+)/.exec(counted.stdout)?.[1]);
  assert.ok(calls > 20, counted.stdout + counted.stderr);
  assert.equal(alive(pids).length, pids.length);
  end(pids);
  await gone(...pids);
  const results = new Set<number>();
  for (let k = Math.max(1, calls - 60); k <= calls; k += STEP) {
    const run = injected(PTRACE, k, 'kill', args);
    assert.equal(run.status, 137, `call ${k}: ${run.stdout}${run.stderr}`);
    // a task that waits is woken at the latest after a second
    await comes(() => [0, pids.length].includes(alive(pids).length));
    await sleep(50);
    const left = alive(pids).length;
    assert.ok(left === 0 || left === pids.length, `killed at ptrace call ${k} of ${calls}: ${left} tasks are left`);
    results.add(left);
    if (left > 0) for (const pid of pids) assert.match(readFileSync(`/proc/${pid}/status`, 'utf8'), /TracerPid:\s+0\n/);
    end(pids);
    await gone(...pids);
  }
  assert.deepEqual([...results].sort(), [0, pids.length], 'both outcomes were seen');
  subject.passed();
});

const unchanged = (pid: number) => ({
  maps: readFileSync(`/proc/${pid}/maps`, 'utf8'),
  threads: readdirSync(`/proc/${pid}/task`).map(
    (tid) => /SigBlk:\s*(\w+)/.exec(readFileSync(`/proc/${pid}/task/${tid}/status`, 'utf8'))![1],
  ),
});

/** Some thread of the process uses processor time again. */
async function runs(pid: number): Promise<void> {
  const ticks = () =>
    readdirSync(`/proc/${pid}/task`)
      .map((tid) => readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'utf8'))
      .join('');
  const before = ticks();
  assert.ok(await comes(() => ticks() !== before), `process ${pid} does not run`);
}

for (const [what, nr, errno] of [
  ['ptrace', PTRACE, EIO],
  ['process_vm_writev', PROCESS_VM_WRITEV, ENOMEM],
] as const)
  test(`a process is let go whatever ${what} call fails in the dump`, async () => {
    await using subject = new Subject(program('counter'), []);
    await subject.says('ready');
    const args = ['dump', '-R', '-t', String(subject.pid), '-D', subject.images, '-o', 'dump.log'];
    const counted = injected(nr, 0, 'count', args);
    assert.equal(counted.status, 0, counted.stderr);
    const calls = Number(/calls (\d+)/.exec(counted.stdout)![1]);
    const before = unchanged(subject.pid);
    for (let k = 1; k <= calls; k += Math.max(1, Math.floor(calls / 24)) * Math.ceil(STEP / 4)) {
      injected(nr, k, errno, args);
      await comes(() => isDeepStrictEqual(unchanged(subject.pid), before));
      assert.deepEqual(unchanged(subject.pid), before, `${what} call ${k} failed`);
      await runs(subject.pid);
      assert.match(readFileSync(`/proc/${subject.pid}/status`, 'utf8'), /TracerPid:\s+0\n/);
    }
    subject.passed();
  });
