import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, it } from 'node:test';
import { checkTarget } from '../../src/dump/target.js';
import { NEEDS_ROOT } from '../root.js';
import { comes, crit } from '../system/round-trip.js';

describe('what can be dumped', () => {
  it('is a process', async () => {
    const child = spawn('sleep', ['100']);
    try {
      checkTarget(child.pid!);
    } finally {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
    }
    assert.throws(() => checkTarget(child.pid!), { code: 'NO_PROCESS' });
  });

  it('is no thread', () => {
    const [tid] = readdirSync('/proc/self/task')
      .map(Number)
      .filter((tid) => tid !== process.pid);
    assert.throws(() => checkTarget(tid!), {
      code: 'NOT_A_PROCESS',
      message: new RegExp(`^${tid} is a thread of process ${process.pid} .*: dump the process with -t ${process.pid}$`),
    });
  });

  it('is no init and no thread of the kernel', (t) => {
    assert.throws(() => checkTarget(1), { code: 'INIT' });
    if (readFileSync('/proc/2/comm', 'utf8') !== 'kthreadd\n') {
      t.skip('a pid namespace without threads of the kernel');
      return;
    }
    assert.throws(() => checkTarget(2), { code: 'KERNEL_THREAD', message: /kthreadd/ });
  });

  it('is no zombie', async () => {
    const shell = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 100'], { stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      const pid = Number(String(await new Promise((resolve) => shell.stdout.once('data', resolve))));
      await comes(() => /^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')));
      assert.throws(() => checkTarget(pid), { code: 'ZOMBIE' });
    } finally {
      shell.kill('SIGKILL');
    }
  });

  it('is no process whose main thread has ended', { skip: NEEDS_ROOT }, async () => {
    const program = 'import ctypes, threading, time; threading.Thread(target=time.sleep, args=(100,)).start(); print("up", flush=True); ctypes.CDLL(None).pthread_exit(None)'; // prettier-ignore
    const python = spawn('python3', ['-c', program], { stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      await new Promise((resolve) => python.stdout.once('data', resolve));
      const status = () => readFileSync(`/proc/${python.pid}/status`, 'utf8');
      await comes(() => /^State:\tZ/m.test(status()));
      const { status: exit, stderr } = crit('dump', '-t', String(python.pid), '-D', tmpdir());
      assert.equal(exit, 1);
      assert.match(stderr, /the main thread of process \d+ \(python3\) has ended, others run on: not supported/);
      assert.match(status(), /^State:\tZ/m);
      assert.equal(readdirSync(`/proc/${python.pid}/task`).length, 2);
    } finally {
      python.kill('SIGKILL');
    }
  });
});
