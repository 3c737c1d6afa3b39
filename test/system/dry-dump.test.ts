import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { program } from '../programs.js';
import { test } from '../root.js';
import { crit, gone, Subject, verdict } from './round-trip.js';

interface Survey {
  ok: boolean;
  code?: string;
  message?: string;
  obstacles: { code: string; message: string }[];
}

const EXPECTED: readonly RegExp[] = [
  /^process \d+ is in a cgroup namespace of its own /,
  /^process \d+, descriptor \d+ \(socket:\[\d+\]\): a corked UDP socket \(UDP_CORK\) is not supported yet$/,
  /^process \d+, descriptor \d+ \(anon_inode:\[fanotify\]\): a fanotify group that is asked for permission is not supported yet$/,
  /^process \d+, descriptor \d+ \(\/.*\/locked\): a lock on a file \(a lock of flock\) is held: use --file-locks$/,
  /^process \d+, descriptor \d+ \(\/.*\/first \(deleted\)\): .*: use --link-remap$/,
];

test('dump --dry-run lists all that a dump would refuse, in its words, and changes nothing', async () => {
  await using subject = new Subject(program('obstacles'), []);
  await subject.says('ready');
  const args = ['dump', '--dry-run', '-t', String(subject.pid), '-D', subject.images];
  const names = readdirSync(subject.dir);

  const plain = crit(...args);
  assert.equal(plain.status, 1, plain.stderr);
  const lines = plain.stdout.trimEnd().split('\n');
  for (const pattern of EXPECTED) assert.equal(lines.filter((line) => pattern.test(line)).length, 1, String(pattern));
  assert.equal(lines.length, EXPECTED.length, plain.stdout);
  assert.match(plain.stderr, /^crit: process \d+ cannot be dumped as it is: 5 obstacles\n$/);

  const json = crit(...args, '--json');
  const { ok, code, obstacles } = JSON.parse(json.stdout) as Survey;
  assert.equal(json.status, 1);
  assert.equal(ok, false);
  assert.equal(code, obstacles[0]?.code);
  assert.deepEqual(
    obstacles.map(({ message }) => message),
    lines,
  );

  // with --link-remap one obstacle less, and no link is made
  assert.equal(
    crit(...args, '--link-remap')
      .stdout.trimEnd()
      .split('\n').length,
    EXPECTED.length - 1,
  );

  // what stops a real dump is one of them
  const real = crit('dump', '-t', String(subject.pid), '-D', subject.images, '--json');
  assert.equal(real.status, 1);
  const refused = JSON.parse(real.stdout) as { code: string; message: string };
  assert.ok(lines.includes(refused.message), refused.message);

  assert.deepEqual(readdirSync(subject.dir), names);
  assert.equal(await verdict(subject), 'ok\n');
  subject.passed();
});

test('dump --dry-run sees no obstacle where there is none, and the dump succeeds', async () => {
  await using subject = new Subject('/bin/sh', ['-c', 'sleep 1000 & echo ready; wait']);
  await subject.says('ready');
  const args = ['-t', String(subject.pid), '-D', subject.images];
  const dry = crit('dump', '--dry-run', ...args, '--json');
  assert.equal(dry.status, 0, dry.stdout);
  assert.deepEqual(JSON.parse(dry.stdout), { ok: true, pid: subject.pid, obstacles: [] });
  assert.equal(crit('dump', '--dry-run', ...args).stdout, 'No obstacle is seen.\n');
  assert.deepEqual(readdirSync(subject.images), []);

  const done = crit('dump', ...args, '--json');
  const dumped = JSON.parse(done.stdout) as { ok: boolean; pid: number; stats: Record<string, number> };
  assert.equal(done.status, 0, done.stderr);
  assert.equal(dumped.ok, true);
  assert.ok(dumped.stats['pages_written']! > 0);

  await gone(subject.pid);
  const back = crit('restore', '-d', '-D', subject.images, '--json');
  assert.equal(back.status, 0, back.stderr);
  const restored = JSON.parse(back.stdout) as { ok: boolean; pid: number; stats: Record<string, number> };
  assert.deepEqual([restored.ok, restored.pid], [true, subject.pid]);
  assert.ok(restored.stats['restore_time']! > 0);

  // the pid is taken now
  const again = crit('restore', '-d', '-D', subject.images, '--json');
  assert.equal(again.status, 1);
  assert.equal((JSON.parse(again.stdout) as { code: string }).code, 'PID_IN_USE');
  subject.passed();
});

test('dump --dry-run names what is wrong with the target and the directory at once', () => {
  const { status, stdout } = crit('dump', '--dry-run', '-t', String(process.pid), '-D', '/nonexistent');
  assert.equal(status, 1);
  assert.match(stdout, /^the images directory \/nonexistent does not exist$/m);
  assert.match(stdout, /^crit \(pid \d+\) runs inside the tree of pid \d+: /m);
});

test('the survey of a dump stops nobody', () => {
  const source = path.join(import.meta.dirname, '../../src/dump/survey.js');
  assert.doesNotMatch(readFileSync(source, 'utf8'), /Tracee|FrozenTree|ptrace|'kill'/);
});
