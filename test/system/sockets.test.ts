import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { CRIT, program } from '../programs.js';
import { test } from '../root.js';
import { comesBackTwice, crit, Subject, verdict } from './round-trip.js';

for (const name of ['socket-options', 'socket-makers', 'socket-ends'])
  test(`${name}: what was restored is dumped and restored again`, async () => {
    await using subject = new Subject(program(name), []);
    await comesBackTwice(subject);
  });

const STRACE = spawnSync('strace', ['-V']).status === 0;

test(
  'a question about a socket that fails fails the dump, and changes no option',
  { skip: !STRACE && 'no strace' },
  async () => {
    await using subject = new Subject(program('socket-options'), []);
    await subject.says('ready');
    const log = path.join(subject.dir, 'strace');
    const traced = (...inject: string[]) => {
      const strace = ['-f', '-o', log, '-e', 'trace=getsockopt', ...inject];
      const dump = [CRIT, 'dump', '-R', '-t', String(subject.pid), '-D', subject.images];
      return spawnSync('strace', [...strace, ...dump], { encoding: 'utf8', env: { PATH: process.env['PATH'] } });
    };
    traced();
    rmSync(subject.images, { recursive: true });
    mkdirSync(subject.images);
    // strace counts the calls of each thread
    const calls = readFileSync(log, 'utf8').split('\n');
    const [main] = calls.find((line) => line.includes('SO_DOMAIN'))!.split(' ');
    const own = calls.filter((line) => line.startsWith(`${main!} `) && !line.includes('resumed>'));
    const first = own.findIndex((line) => line.includes('SO_DOMAIN'));
    const last = own.length;
    for (let at = first; at < last; at += Math.ceil((last - first) / 12)) {
      const { status, stderr } = traced('-e', `inject=getsockopt:error=ENOMEM:when=${at + 1}`);
      const injected = readFileSync(log, 'utf8')
        .split('\n')
        .find((line) => line.includes('INJECTED'));
      assert.equal(status, 1, `${own[at]!}, ${injected}: ${stderr}`);
      assert.match(stderr, /getsockopt.*(ENOMEM|memory)/);
      assert.deepEqual(
        readdirSync(subject.images).filter((name) => name.endsWith('.img')),
        [],
      );
    }
    assert.equal(await verdict(subject), 'ok\n');
    subject.passed();
  },
);

for (const family of ['AF_UNIX', 'AF_INET'])
  test(`who dumps a process that runs on is told of a message of no bytes in its queue: ${family}`, async () => {
    await using subject = new Subject('python3', [
      '-c',
      `
import socket,time
s=socket.socket(socket.${family}, socket.SOCK_DGRAM); s.bind("s" if socket.${family} == socket.AF_UNIX else ("127.0.0.1", 0))
s.sendto(b"", s.getsockname()); print("ready",flush=True); time.sleep(1000)`,
    ]);
    await subject.says('ready');
    const { status, stderr } = subject.tryDump('-R', '-o', '-');
    assert.equal(status, 0, stderr);
    assert.match(stderr, /a message of no bytes is in its queue/);
    subject.passed();
  });

test('a connection that nobody has accepted yet is refused by name', async () => {
  await using server = new Subject('python3', [
    '-c',
    'import socket,time; s=socket.socket(socket.AF_UNIX); s.bind("s"); s.listen(); print("ready",flush=True); time.sleep(1000)',
  ]);
  await server.says('ready');
  await using subject = new Subject('python3', [
    '-c',
    'import socket,sys,time; s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); print("ready",flush=True); time.sleep(1000)',
    path.join(server.dir, 's'),
  ]);
  await subject.says('ready');
  const { status, stderr } = crit('dump', '-t', String(subject.pid), '-D', subject.images);
  assert.equal(status, 1);
  assert.match(
    stderr,
    /a unix connection that waits to be accepted by a process outside the tree \(s\) is not supported yet/,
  );
  subject.passed();
  server.passed();
});
