import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { CRIT, program } from '../programs.js';
import { test } from '../root.js';
import { comes, isAlive, Subject, verdict } from './round-trip.js';

/** How many dumps are killed, and over how much of the stop that is spread, ms. */
const STOP_MS = 13;
const KILLS = Number(process.env['CRIT_KILLS'] ?? 12);

const NOBODY_WAKES = new Int32Array(new SharedArrayBuffer(4));

/** Kills a run of crit some time after a moment that is waited for. */
async function killedAfter(args: readonly string[], moment: () => boolean, ms: number): Promise<void> {
  const child = spawn(CRIT, args, { stdio: 'ignore', env: { PATH: process.env['PATH'] } });
  const exit = new Promise((resolve) => child.once('exit', resolve));
  while (!moment() && isAlive(child.pid!));
  // without keeping a processor busy
  Atomics.wait(NOBODY_WAKES, 0, 0, ms);
  child.kill('SIGKILL');
  await exit;
}

const isTraced = (pid: number) => !/TracerPid:\s+0\n/.test(readFileSync(`/proc/${pid}/status`, 'utf8'));

test(`processes whose filters forbid almost all calls live on when crit is killed in the stop, ${KILLS} times`, async () => {
  await using subject = new Subject(program('seccomp-tight'), ['alone']);
  await subject.says('ready');
  const args = ['dump', '-t', String(subject.pid), '-D', subject.images, '-R', '-o', 'dump.log'];
  for (let i = 0; i < KILLS; i++) {
    const ms = (i * STOP_MS) / KILLS;
    await killedAfter(args, () => isTraced(subject.pid), ms);
    await comes(() => !subject.tree().some(isTraced));
    assert.equal(subject.tree().filter(isAlive).length, 3, `killed ${ms.toFixed(1)} ms into the stop`);
  }
  assert.equal(await verdict(subject), 'ok\n');
  subject.passed();
});

test('a filter that asks a supervisor is refused by name', async () => {
  await using subject = new Subject('python3', [
    '-c',
    `
import ctypes, struct, time
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(38, 1, 0, 0, 0)
insns = struct.pack("<HBBI", 0x20, 0, 0, 0) + struct.pack("<HBBI", 0x15, 0, 1, 100) + struct.pack("<HBBI", 6, 0, 0, 0x7fc00000) + struct.pack("<HBBI", 6, 0, 0, 0x7fff0000)
code = ctypes.create_string_buffer(insns, len(insns))
prog = ctypes.create_string_buffer(struct.pack("<HxxxxxxQ", 4, ctypes.addressof(code)), 16)
assert libc.syscall(317, 1, 0, prog) == 0
print("ready", flush=True)
time.sleep(1000)
`,
  ]);
  await subject.says('ready');
  const { status, stderr } = subject.tryDump('-o', '-');
  assert.equal(status, 1);
  assert.match(stderr, /has a seccomp filter that asks a supervisor \(SECCOMP_RET_USER_NOTIF\): not supported/);
  subject.passed();
});
