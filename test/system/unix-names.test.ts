import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { lstatSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { CRIT } from '../programs.js';
import { test } from '../root.js';
import { comes, gone, isAlive, sleep, Subject, type Done } from './round-trip.js';

// Files of unix sockets: what a restore may replace, and what a failed one leaves.

const SERVER = `
import os, signal, socket
s = socket.socket(socket.AF_UNIX)
s.bind('server.sock')
s.listen(3)
print('ready', flush=True)
while True:
    c, _ = s.accept()
    c.send(b'hello')
    c.close()
`;

const server = (): Subject => new Subject('python3', ['-c', SERVER]);

function restore(subject: Subject, ...options: string[]): Done {
  const args = ['restore', '-d', '-D', subject.images, ...options];
  const { status, stdout, stderr } = spawnSync(CRIT, args, { encoding: 'utf8', timeout: 60_000, cwd: subject.dir });
  return { status, stdout, stderr };
}

/** What a client is told by the server, in Python. */
function ask(dir: string): string {
  const client =
    "import socket; s = socket.socket(socket.AF_UNIX); s.connect('server.sock'); print(s.recv(9).decode())";
  return spawnSync('python3', ['-c', client], { cwd: dir, encoding: 'utf8', timeout: 60_000 }).stdout.trim();
}

const leftovers = (dir: string) => readdirSync(dir).filter((name) => name.startsWith('.crit'));

test('a file that is no socket is not replaced', async () => {
  await using subject = server();
  await subject.says('ready');
  await subject.dump();
  const name = path.join(subject.dir, 'server.sock');
  rmSync(name);
  writeFileSync(name, 'somebody else');
  const { status, stderr } = restore(subject);
  assert.equal(status, 1);
  assert.match(stderr, /server\.sock is there, and is no socket/);
  assert.ok(lstatSync(name).isFile());
  rmSync(name);
  assert.equal(restore(subject).status, 0);
  assert.equal(ask(subject.dir), 'hello');
  subject.passed();
});

test('the socket of a process that runs is not replaced', async () => {
  await using subject = server();
  await subject.says('ready');
  await subject.dump();
  rmSync(path.join(subject.dir, 'server.sock'));
  const other = spawn('python3', ['-c', SERVER], { cwd: subject.dir, stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await new Promise((resolve) => other.stdout.once('data', resolve));
    const { status, stderr } = restore(subject);
    assert.equal(status, 1);
    assert.match(stderr, /server\.sock is the socket of a process that runs/);
    assert.equal(ask(subject.dir), 'hello');
  } finally {
    other.kill('SIGKILL');
  }
  await new Promise((resolve) => other.once('close', resolve));
  assert.equal(restore(subject).status, 0);
  assert.equal(ask(subject.dir), 'hello');
  subject.passed();
});

test('a restore that fails at its end leaves the file of the dead socket', async () => {
  await using subject = server();
  await subject.says('ready');
  await subject.dump();
  const name = path.join(subject.dir, 'server.sock');
  const facts = () => {
    const { mode, uid, gid, mtimeMs } = lstatSync(name);
    return { mode, uid, gid, mtimeMs };
  };
  const before = facts();
  const { status } = restore(subject, '--pidfile', path.join(subject.dir, 'out'));
  assert.equal(status, 1);
  assert.deepEqual(facts(), before);
  assert.deepEqual(leftovers(subject.dir), []);
  rmSync(name);
  assert.equal(restore(subject, '--pidfile', path.join(subject.dir, 'out')).status, 1);
  assert.equal(lstatSync(name, { throwIfNoEntry: false }), undefined);
  assert.equal(restore(subject).status, 0);
  assert.equal(ask(subject.dir), 'hello');
  assert.deepEqual(leftovers(subject.dir), []);
  subject.passed();
});

test('a restore that is killed leaves no directory of its own', async () => {
  await using subject = server();
  await subject.says('ready');
  await subject.dump();
  const args = ['restore', '-d', '-D', subject.images];
  let seen = 0;
  for (let delay = 40; delay < 400 && seen < 3; delay += 15) {
    const crit = spawn(CRIT, args, { cwd: subject.dir, stdio: 'ignore' });
    const end = new Promise((resolve) => crit.once('close', resolve));
    for (let i = 0; i < 400 && crit.exitCode === null && leftovers(subject.dir).length === 0; i++) await sleep(1);
    if (leftovers(subject.dir).length > 0) seen++;
    crit.kill('SIGKILL');
    await end;
    await comes(() => leftovers(subject.dir).length === 0);
    assert.deepEqual(leftovers(subject.dir), []);
    if (isAlive(subject.pid)) process.kill(subject.pid, 'SIGKILL');
    await gone(subject.pid);
  }
  subject.passed();
});

const CLIENT = `
import signal, socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect('OUTSIDE')
def say(*_): s.send(b'said')
signal.signal(signal.SIGUSR1, say)
print('ready', flush=True)
while True: signal.pause()
`;

const LOGGER = `
import os, socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(os.path.abspath('log.sock'))
print('bound', flush=True)
while True: os.write(1, s.recv(99) + b'\\n')
`;

test('a client of a process outside is dumped and connected again when that is asked for', async () => {
  const logger = new Subject('python3', ['-c', LOGGER]);
  await using _logger = logger;
  await logger.says('bound');
  const outside = path.join(logger.dir, 'log.sock');
  await using subject = new Subject('python3', ['-c', CLIENT.replace('OUTSIDE', outside)]);
  await subject.says('ready');
  const refused = subject.tryDump();
  assert.equal(refused.status, 1);
  assert.ok(refused.stderr.includes(`connected to ${outside}, outside the tree`), refused.stderr);
  assert.match(refused.stderr, /--ext-unix-sk/);
  await subject.dump('--ext-unix-sk');
  const { status, stderr } = restore(subject);
  assert.equal(status, 1);
  assert.match(stderr, /outside of the tree: --ext-unix-sk connects it again/);
  assert.equal(restore(subject, '--ext-unix-sk').status, 0);
  process.kill(subject.pid, 'SIGUSR1');
  await logger.says('said');
  subject.passed();
  logger.passed();
});
