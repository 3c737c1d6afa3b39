import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { CRIT, program } from '../programs.js';
import { test } from '../root.js';
import { Subject } from './round-trip.js';

const ENOMEM = 12;
const EMFILE = 24;
const EACCES = 13;

/** A dump whose crit cannot open a file; `*` at the end of the name stands for any rest. */
function dumpWithout(subject: Subject, file: string, errno: number) {
  const command = [file, String(errno), process.execPath, CRIT];
  const { status, stderr } = spawnSync(
    program('deny-open'),
    [...command, 'dump', '-t', String(subject.pid), '-D', subject.images],
    { encoding: 'utf8', env: { PATH: process.env['PATH'] }, timeout: 60_000 },
  );
  return { status, stderr };
}

const stateOf = (pid: number) => /^State:\s*(\S)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];

/** A shell with two children. */
const TREE = ['-c', 'sleep 1000 & sleep 1000 & echo ready; wait'];

for (const [what, file, errno, name] of [
  ['the list of children', 'task/PID/children', ENOMEM, 'no memory is left'],
  ['the list of children', 'task/PID/children', EACCES, 'permission denied'],
  ['the list of threads', 'task', EMFILE, 'no descriptor left'],
  ['stat', 'stat', EMFILE, 'no descriptor left'],
  ['status', 'task/PID/status', ENOMEM, 'no memory is left'],
  ['oom_score_adj', 'oom_score_adj', ENOMEM, 'no memory is left'],
  ['coredump_filter', 'coredump_filter', EMFILE, 'no descriptor left'],
] as const) {
  test(`a dump that cannot read ${what} (${name}) fails and leaves the tree alone`, async () => {
    await using subject = new Subject('/bin/sh', TREE);
    await subject.says('ready');
    const tree = subject.tree();
    assert.equal(tree.length, 3);
    const done = dumpWithout(subject, `/proc/${subject.pid}/${file.replace('PID', String(subject.pid))}`, errno);
    assert.equal(done.status, 1, done.stderr);
    assert.match(done.stderr, new RegExp(name));
    assert.doesNotMatch(done.stderr, /no process/);
    assert.ok(!readdirSync(subject.images).includes('inventory.img'));
    assert.deepEqual(subject.tree(), tree);
    for (const pid of tree) assert.match(stateOf(pid) ?? '', /[RSD]/);
    subject.passed();
  });
}

test('a dump that cannot read of a child whether it lives leaves nobody out', async () => {
  await using subject = new Subject('/bin/sh', TREE);
  await subject.says('ready');
  const [, child] = subject.tree();
  const done = dumpWithout(subject, `/proc/${child!}/stat`, ENOMEM);
  assert.equal(done.status, 1, done.stderr);
  assert.ok(!existsSync(path.join(subject.images, 'inventory.img')));
  assert.equal(subject.tree().length, 3);
  subject.passed();
});
