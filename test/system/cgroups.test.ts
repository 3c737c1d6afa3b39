import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { cgroupMount, readCgroups } from '../../src/kernel/proc/cgroup.js';
import { readMountInfo } from '../../src/kernel/proc/mountinfo.js';
import { program } from '../programs.js';
import { test } from '../root.js';
import { crit, sleep, Subject } from './round-trip.js';

/** A hierarchy that a test may make control groups in: of version 1 threads may be apart from their process. */
const hierarchies = (['pids', 'freezer', ''] as const).flatMap((name) => {
  const mount = cgroupMount(readMountInfo(process.pid), name);
  return mount === undefined ? [] : [{ name, mount }];
});

/** A control group of a test's own; it goes when nobody is in it any more. */
class Group implements AsyncDisposable {
  readonly path: string;
  readonly dir: string;
  constructor(mount: string, name: string) {
    this.path = `/crit-test-${process.pid}-${name}`;
    this.dir = path.join(mount, this.path);
    mkdirSync(this.dir);
  }
  put(pid: number, file = 'cgroup.procs'): void {
    writeFileSync(path.join(this.dir, file), String(pid));
  }
  async [Symbol.asyncDispose](): Promise<void> {
    for (let i = 0; existsSync(this.dir); i++)
      try {
        rmdirSync(this.dir);
      } catch (error) {
        if (i === 500) throw error;
        await sleep(10);
      }
  }
}

const groupOf = (pid: number, hierarchy: string, tid?: number) =>
  readCgroups(pid, tid).find(({ controllers }) => controllers === hierarchy)?.path;

for (const { name, mount } of hierarchies) {
  const what = name || 'version 2';
  test(`processes come back into their control groups (${what})`, async () => {
    await using one = new Group(mount, 'one');
    await using two = new Group(mount, 'two');
    await using subject = new Subject('/bin/sh', ['-c', 'sleep 1000 & echo ready; wait']);
    await subject.says('ready');
    const [root, child] = subject.tree() as [number, number];
    one.put(root);
    two.put(child);
    await subject.dump();
    subject.restore();
    assert.equal(groupOf(root, name), one.path);
    assert.equal(groupOf(child, name), two.path);
    subject.passed();
  });

  test(`a control group that is gone is told of (${what})`, async () => {
    const group = new Group(mount, 'gone');
    await using subject = new Subject('/bin/sleep', ['1000']);
    await sleep(200);
    group.put(subject.pid);
    await subject.dump();
    await group[Symbol.asyncDispose]();
    const { status, stderr } = crit('restore', '-d', '-D', subject.images);
    assert.equal(status, 0, stderr);
    assert.match(stderr, new RegExp(`process ${subject.pid} stays in .*${group.path} .*does not exist any more`));
    assert.equal(groupOf(subject.pid, name), groupOf(process.pid, name));
    subject.passed();
  });
}

const [first] = hierarchies;
test('--manage-cgroups=ignore leaves control groups alone', { skip: first ? false : 'no control groups' }, async () => {
  await using group = new Group(first!.mount, 'ignored');
  await using subject = new Subject('/bin/sleep', ['1000']);
  await sleep(200);
  group.put(subject.pid);
  await subject.dump();
  assert.ok(readdirSync(subject.images).includes('cgroup.img'));
  const { status, stderr } = crit('restore', '-d', '-D', subject.images, '--manage-cgroups=ignore');
  assert.equal(status, 0, stderr);
  assert.equal(stderr, '');
  assert.equal(groupOf(subject.pid, first!.name), groupOf(process.pid, first!.name));
  subject.passed();
});

const v1 = hierarchies.find(({ name }) => name !== '');
test('a thread comes back into a control group of its own', { skip: v1 ? false : 'no version 1' }, async () => {
  await using group = new Group(v1!.mount, 'thread');
  await using subject = new Subject(program('counting-threads'), []);
  await subject.says('ready');
  const tid = readdirSync(`/proc/${subject.pid}/task`)
    .map(Number)
    .find((tid) => tid !== subject.pid)!;
  group.put(tid, 'tasks');
  await subject.dump();
  subject.restore();
  assert.equal(groupOf(subject.pid, v1!.name, tid), group.path);
  assert.notEqual(groupOf(subject.pid, v1!.name), group.path);
  subject.passed();
});

test('a frozen control group is named, and nothing is left', async (t) => {
  const freezer = hierarchies.find(({ name }) => name === 'freezer');
  if (!freezer) {
    t.skip('no freezer');
    return;
  }
  await using group = new Group(freezer.mount, 'frozen');
  await using subject = new Subject('/bin/sleep', ['1000']);
  await sleep(200);
  group.put(subject.pid);
  await subject.dump();
  writeFileSync(path.join(group.dir, 'freezer.state'), 'FROZEN');
  const { status, stderr } = crit('restore', '-d', '-D', subject.images);
  writeFileSync(path.join(group.dir, 'freezer.state'), 'THAWED');
  assert.equal(status, 1);
  assert.match(stderr, /is frozen: thaw it/);
  assert.ok(!existsSync(`/proc/${subject.pid}/exe`));
  assert.equal(readFileSync(path.join(group.dir, 'cgroup.procs'), 'utf8'), '');
  subject.passed();
});
