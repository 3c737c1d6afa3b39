import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { program, CRIT } from '../programs.js';
import { test } from '../root.js';
import { sleep, Subject } from './round-trip.js';

/** How often a process is dumped in each way of being written to. 1,000 by hand. */
const DUMPS = Number(process.env['CRIT_SCRIBBLES'] ?? 8);
/** What a dump may take on a machine with much else to do, ms: crit itself gives up after 4 seconds, and one for each MiB. */
const LIMIT_MS = 30_000;
const LIMIT_MS_PER_MIB = 1000;

/** Offsets in a page where words stand that crit and a puppet exchange: headers of rings and answers, operations, results. */
const WORDS = ['0', '4', '8', '12', '16', '24', '40', '64', '72', '80', '128', '2048'];

async function dumpOnce(
  pid: number,
  dir: string,
  limitMs: number,
): Promise<{ status: number | null; signal: string | null; ms: number }> {
  const begin = performance.now();
  const child = spawn(CRIT, ['dump', '-R', '-t', String(pid), '-D', dir, '-o', 'dump.log'], {
    stdio: 'ignore',
    env: { PATH: process.env['PATH'] },
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), limitMs);
  const [status, signal] = await new Promise<[number | null, string | null]>((resolve) =>
    child.once('exit', (...how) => {
      resolve(how);
    }),
  );
  clearTimeout(timer);
  return { status, signal, ms: performance.now() - begin };
}

/** The status that a zombie waits to be asked for, as wait(2) has it (proc(5), the last field of stat). */
const endOf = (pid: number): number => Number(readFileSync(`/proc/${pid}/stat`, 'utf8').trimEnd().split(' ').at(-1));

/** Dumps the victim of a scribbler again and again. @returns how many dumps it has lived through: less than asked only in `mortal` */
async function oneVictim(how: string, what: string, mib: number, dumps: number, mortal: boolean): Promise<number> {
  const bystander = spawn('sleep', ['1000'], { stdio: 'ignore' });
  try {
    await using writer = new Subject(program('scribble'), [how, what, String(bystander.pid), String(mib)]);
    await writer.says(/ready \d+/);
    const pid = Number(/ready (\d+)/.exec(writer.output)![1]);
    try {
      for (let i = 0; i < dumps; i++) {
        const { status, signal } = await dumpOnce(pid, writer.images, LIMIT_MS + mib * LIMIT_MS_PER_MIB);
        assert.equal(signal, null, `crit ended by ${String(signal)} at dump ${i}`);
        assert.ok(status === 0 || status === 1, `status ${String(status)}`);
        assert.equal(bystander.exitCode ?? bystander.signalCode, null, 'a process outside of the tree was touched');
        const state = readFileSync(`/proc/${pid}/status`, 'utf8');
        if (/^State:\s+[ZX]/m.test(state)) {
          const end = endOf(pid);
          assert.ok(mortal, `the process ended with ${end.toString(16)} at dump ${i}: ${writer.output}`);
          assert.notEqual(end & 0x7f, 9, 'nobody has killed it');
          writer.passed();
          return i + 1;
        }
        assert.match(state, /^State:\s+[RSD]/m, `at dump ${i}: ${writer.output}`);
        assert.match(state, /^TracerPid:\s+0$/m);
        assert.doesNotMatch(readFileSync(`/proc/${pid}/maps`, 'utf8'), /dev\/zero/);
      }
      const before = writer.output.length;
      process.kill(pid, 'SIGUSR1');
      await writer.says(/ok \d+/, before);
      for (const tid of [pid, pid + 1]) {
        const file = `/proc/${pid}/task/${tid}/status`;
        if (existsSync(file)) assert.match(readFileSync(file, 'utf8'), /SigBlk:\s+0+\n/);
      }
    } finally {
      if (existsSync(`/proc/${pid}`)) process.kill(pid, 'SIGKILL');
    }
    await sleep(50);
    writer.passed();
    return dumps;
  } finally {
    bystander.kill('SIGKILL');
  }
}

async function underScribbling(how: string, what: string, mib: number, dumps: number): Promise<void> {
  // who shares the memory can make the orders writable, and what his process then executes in its own name may be its end
  const mortal = how === 'vm';
  let deaths = 0;
  for (let done = 0; done < dumps;) {
    const lived = await oneVictim(how, what, mib, dumps - done, mortal);
    done += lived;
    if (done < dumps) deaths++;
  }
  assert.ok(deaths <= Math.max(1, dumps / 20), `${deaths} of ${dumps} dumps ended the process`);
}

test('a process whose user writes all over what crit shares with it is dumped or not, and runs on', () =>
  underScribbling('mem', 'random', 1, DUMPS));

test('the same for a large one, which is copied to be dumped', () => underScribbling('mem', 'random', 48, DUMPS));

test('the same when the writer shares its memory', () => underScribbling('vm', 'random', 1, DUMPS));

test('the same when the writer is after the code', () => underScribbling('code', 'random', 1, DUMPS));

for (const offset of WORDS)
  test(`the same for the words at ${offset}`, () => underScribbling('mem', offset, 1, Math.ceil(DUMPS / 8)));
