import assert from 'node:assert/strict';
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { closeSync, openSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { CRIT } from '../programs.js';
import { test } from '../root.js';
import { comes, Subject } from './round-trip.js';

// --external and --inherit-fd: files that come from descriptors of crit's.

/** Says a line each time that it gets SIGUSR1: to its output, and to the file "log", which it has open. */
const SAYER = `
import os, signal, sys, time
log = open('log', 'r+b', buffering=0)
log.seek(0, 2)
n = 0
def say(*_):
    global n
    n += 1
    os.write(1, b'said %d\\n' % n)
    log.write(b'logged %d\\n' % n)
signal.signal(signal.SIGUSR1, say)
print('ready', flush=True)
while True: time.sleep(60)
`;

function sayer(): Subject {
  return new Subject('python3', ['-c', SAYER], {}, (dir) => {
    writeFileSync(path.join(dir, 'log'), 'before\n');
  });
}

/** Restores with a descriptor 3 that crit was started with. */
function restoreWith(subject: Subject, fd: number | undefined, ...options: string[]): SpawnSyncReturns<string> {
  const args = ['restore', '-d', '-D', subject.images, '-o', 'restore.log', '-v4', ...options];
  return spawnSync(CRIT, args, {
    stdio: ['ignore', 'pipe', 'pipe', ...(fd === undefined ? [] : [fd])],
    encoding: 'utf8',
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
}

async function holds(file: string, text: string): Promise<void> {
  await comes(() => readFileSync(file, 'utf8') === text);
  assert.equal(readFileSync(file, 'utf8'), text);
}

test('the output of a restored process goes to a descriptor of crit', async () => {
  await using subject = sayer();
  await subject.says('ready');
  await subject.dump();
  const file = path.join(subject.dir, 'other');
  const fd = openSync(file, 'w');
  try {
    const key = path.join(subject.dir, 'out').slice(1);
    const { status, stderr } = restoreWith(subject, fd, '--inherit-fd', `fd[3]:${key}`);
    assert.equal(status, 0, stderr);
  } finally {
    closeSync(fd);
  }
  process.kill(subject.pid, 'SIGUSR1');
  // from where the descriptor stood, not from where the old output had come to
  await holds(file, 'said 1\n');
  assert.equal(subject.output, 'ready\n');
  await holds(path.join(subject.dir, 'log'), 'before\nlogged 1\n');
  subject.passed();
});

test('an external file is left out of the images, and comes from a descriptor of crit', async () => {
  await using subject = sayer();
  await subject.says('ready');
  const log = path.join(subject.dir, 'log');
  const fd = [3, 4, 5, 6].find((n) => link(subject.pid, n) === log)!;
  const mount = /mnt_id:\s*(\d+)/.exec(readFileSync(`/proc/${subject.pid}/fdinfo/${fd}`, 'utf8'))![1]!;
  const name = `file[${Number(mount).toString(16)}:${statSync(log).ino.toString(16)}]`;
  // another name of it is gone: without the option this is refused
  rmSync(log);
  writeFileSync(path.join(subject.dir, 'replacement'), 'before\n');
  await subject.dump('--external', name);
  const refused = restoreWith(subject, undefined);
  assert.equal(refused.status, 1);
  assert.match(
    refused.stderr + readFileSync(path.join(subject.images, 'restore.log'), 'utf8'),
    /--inherit-fd 'fd\[N\]:file\[/,
  );
  const given = openSync(path.join(subject.dir, 'replacement'), 'r+');
  try {
    const { status, stderr } = restoreWith(subject, given, '--inherit-fd', `fd[3]:${name}`);
    assert.equal(status, 0, stderr);
  } finally {
    closeSync(given);
  }
  process.kill(subject.pid, 'SIGUSR1');
  await holds(path.join(subject.dir, 'replacement'), 'before\nlogged 1\n');
  subject.passed();
});

function link(pid: number, fd: number): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`);
  } catch {
    return '';
  }
}

test('a pipe to somebody outside is another pipe after the restore', async () => {
  await using subject = new Subject('python3', [
    '-c',
    `
import os, signal, time
r, w = os.pipe()
if os.fork() == 0:
    # somebody else who reads: not of this tree
    os.setsid()
    if os.fork(): os._exit(0)
    os.close(w)
    while os.read(r, 100): pass
    os._exit(0)
os.wait()
os.close(r)
signal.signal(signal.SIGUSR1, lambda *_: os.write(w, b'through the pipe'))
print('ready %d' % w, flush=True)
while True: time.sleep(60)
`,
  ]);
  await subject.says('ready');
  const w = Number(/ready (\d+)/.exec(subject.output)![1]);
  const pipe = link(subject.pid, w);
  await subject.dump();
  const fifo = path.join(subject.dir, 'fifo');
  assert.equal(spawnSync('mkfifo', [fifo]).status, 0);
  const ours = openSync(fifo, 'r+');
  try {
    const { status, stderr } = restoreWith(subject, ours, '--inherit-fd', `fd[3]:${pipe}`);
    assert.equal(status, 0, stderr);
    process.kill(subject.pid, 'SIGUSR1');
    const { stdout } = spawnSync('head', ['-c', '16'], {
      stdio: [ours, 'pipe', 'ignore'],
      encoding: 'utf8',
      timeout: 60_000,
    });
    assert.equal(stdout, 'through the pipe');
  } finally {
    closeSync(ours);
  }
  subject.passed();
});

test('a descriptor that crit was not given is refused', () => {
  for (const option of ['--inherit-fd=fd[77]:tmp/x', '--close=77']) {
    const { status, stderr } = spawnSync(CRIT, ['restore', option, '-D', '/'], { encoding: 'utf8', timeout: 60_000 });
    assert.equal(status, 1);
    assert.match(stderr, /descriptor 77 is not open: crit was not started with it/);
  }
});
