import assert from 'node:assert/strict';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { cgroupMount, readCgroups } from '../../src/kernel/proc/cgroup.js';
import { readMountInfo } from '../../src/kernel/proc/mountinfo.js';
import { program } from '../programs.js';
import { test } from '../root.js';
import { crit, gone, sleep, sleeps, Subject } from './round-trip.js';

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
  [Symbol.asyncDispose](): Promise<void> {
    return removed(this.dir);
  }
}

/** Removes a control group, as soon as who has been killed in it was waited for. */
async function removed(dir: string): Promise<void> {
  for (let i = 0; existsSync(dir); i++)
    try {
      rmdirSync(dir);
    } catch (error) {
      if (i === 6000) throw error;
      await sleep(10);
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

  test(`a control group that is gone is made anew (${what})`, async () => {
    const group = new Group(mount, 'gone');
    await using subject = new Subject('/bin/sleep', ['1000']);
    await sleeps(subject.pid);
    group.put(subject.pid);
    await subject.dump();
    await group[Symbol.asyncDispose]();
    const { status, stderr } = crit('restore', '-d', '-D', subject.images);
    assert.equal(status, 0, stderr);
    assert.equal(groupOf(subject.pid, name), group.path);
    process.kill(subject.pid, 'SIGKILL');
    await group[Symbol.asyncDispose]();
    subject.passed();
  });
}

const pids = hierarchies.find(({ name }) => name === 'pids');
const limited = { skip: pids ? false : 'no control groups of version 1 with "pids"' };

/** A process in a group with a limit, below which another group has its own limit, dumped. */
async function dumpLimited(subject: Subject, group: Group): Promise<string> {
  const below = path.join(group.dir, 'below');
  mkdirSync(below, { mode: 0o750 });
  chownSync(below, 65534, 65534);
  writeFileSync(path.join(group.dir, 'pids.max'), '50');
  writeFileSync(path.join(below, 'pids.max'), '20');
  chownSync(path.join(below, 'cgroup.procs'), 65534, 65534);
  await sleeps(subject.pid);
  group.put(subject.pid);
  await subject.dump();
  return below;
}

const limits = (group: Group, below: string) =>
  [group.dir, below].map((dir) => readFileSync(path.join(dir, 'pids.max'), 'utf8').trim());

async function killed(subject: Subject): Promise<void> {
  process.kill(subject.pid, 'SIGKILL');
  await gone(subject.pid);
}

const HAS_GROUP_OPEN = `
import os, sys, time
group = sys.argv[1]
open(group + "/cgroup.procs", "w").write("0")
fds = [os.open(group, os.O_RDONLY), os.open(group + "/cgroup.procs", os.O_RDONLY)]
print("ready", flush=True)
while True: time.sleep(1000)
`;

test('a process that has its control group open finds it again when it is made anew', limited, async () => {
  const group = new Group(pids!.mount, 'open');
  await using subject = new Subject('python3', ['-c', HAS_GROUP_OPEN, group.dir]);
  await subject.says('ready');
  await subject.dump();
  await group[Symbol.asyncDispose]();
  for (const how of ['--manage-cgroups=none', '--cgroup-yard=/none']) {
    const { status, stderr } = crit('restore', '-d', '-D', subject.images, how);
    assert.equal(status, 1);
    assert.match(stderr, /does not exist: make it|--cgroup-yard: \/none is no directory/);
  }
  subject.restore();
  const opened = readdirSync(`/proc/${subject.pid}/fd`).map((fd) => statSync(`/proc/${subject.pid}/fd/${fd}`).ino);
  for (const file of [group.dir, path.join(group.dir, 'cgroup.procs')])
    assert.ok(opened.includes(statSync(file).ino), file);
  await killed(subject);
  await group[Symbol.asyncDispose]();
  subject.passed();
});

/** What each mode makes of groups that are there with other limits, and of groups that are gone. */
const MODES: readonly (readonly [mode: string, there: RegExp | string[], gone: RegExp | string[]])[] = [
  ['none', ['7', '8'], /does not exist: make it, or use the mode soft/],
  ['props', ['50', '20'], /does not exist: make it, or use the mode soft/],
  ['soft', ['7', '8'], ['50', '20']],
  ['full', ['50', '20'], ['50', '20']],
  ['strict', /exists already: remove it, or use the mode soft/, ['50', '20']],
];

for (const [mode, there, gone] of MODES)
  test(`--manage-cgroups=${mode}`, limited, async () => {
    await using group = new Group(pids!.mount, mode);
    await using subject = new Subject('/bin/sleep', ['1000']);
    const below = await dumpLimited(subject, group);
    const stat = statSync(below);
    writeFileSync(path.join(group.dir, 'pids.max'), '7');
    writeFileSync(path.join(below, 'pids.max'), '8');
    for (const [expected, exist] of [
      [there, true],
      [gone, false],
    ] as const) {
      if (!exist) {
        await removed(below);
        await removed(group.dir);
      }
      const { status, stderr } = crit('restore', '-d', '-D', subject.images, `--manage-cgroups=${mode}`);
      if (expected instanceof RegExp) {
        assert.equal(status, 1);
        assert.match(stderr, expected);
        assert.ok(!existsSync(`/proc/${subject.pid}/exe`));
        assert.equal(existsSync(group.dir), exist);
        continue;
      }
      assert.equal(status, 0, stderr);
      assert.equal(groupOf(subject.pid, 'pids'), group.path);
      assert.deepEqual(limits(group, below), expected);
      const now = statSync(below);
      if (!exist) assert.deepEqual([now.mode, now.uid, now.gid], [stat.mode, stat.uid, stat.gid]);
      if (!exist) assert.equal(statSync(path.join(below, 'cgroup.procs')).uid, 65534);
      await killed(subject);
    }
    await removed(below);
    subject.passed();
  });

test('a restore that fails leaves no control group, and limits as they were', limited, async () => {
  await using group = new Group(pids!.mount, 'fails');
  await using subject = new Subject('/bin/sleep', ['1000']);
  const below = await dumpLimited(subject, group);
  writeFileSync(path.join(group.dir, 'pids.max'), '7');
  await removed(below);
  const { status, stderr } = crit(
    'restore',
    '-d',
    '-D',
    subject.images,
    '--manage-cgroups=full',
    '--action-script',
    failingAt(subject, 'pre-resume'),
  );
  // a script at this moment is too late: the tree runs. At the one before, all is undone.
  assert.equal(status, 0, stderr);
  await killed(subject);
  await removed(below);
  writeFileSync(path.join(group.dir, 'pids.max'), '7');
  chownSync(group.dir, 65534, 65534);
  const failed = crit(
    'restore',
    '-d',
    '-D',
    subject.images,
    '--manage-cgroups=full',
    '--action-script',
    failingAt(subject, 'post-restore'),
  );
  assert.equal(failed.status, 1, failed.stderr);
  assert.ok(!existsSync(`/proc/${subject.pid}/exe`));
  assert.ok(!existsSync(below));
  assert.equal(readFileSync(path.join(group.dir, 'pids.max'), 'utf8').trim(), '7');
  assert.equal(statSync(group.dir).uid, 65534);
  subject.passed();
});

function failingAt(subject: Subject, moment: string): string {
  const script = path.join(subject.dir, `fail-${moment}`);
  writeFileSync(script, `#!/bin/sh\n[ "$CRTOOLS_SCRIPT_ACTION" != ${moment} ]\n`, { mode: 0o755 });
  return script;
}

test('--cgroup-root restores into other groups, found in a --cgroup-yard', limited, async () => {
  await using group = new Group(pids!.mount, 'root');
  await using other = new Group(pids!.mount, 'elsewhere');
  await using subject = new Subject('/bin/sleep', ['1000']);
  const below = await dumpLimited(subject, group);
  const { status, stderr } = crit(
    'restore',
    '-d',
    '-D',
    subject.images,
    `--cgroup-root=pids:${other.path}/inner`,
    `--cgroup-yard=${path.dirname(pids!.mount)}`,
  );
  assert.equal(status, 0, stderr);
  assert.equal(groupOf(subject.pid, 'pids'), `${other.path}/inner`);
  const inner = path.join(other.dir, 'inner');
  assert.equal(readFileSync(path.join(inner, 'below/pids.max'), 'utf8').trim(), '20');
  await killed(subject);
  await removed(path.join(inner, 'below'));
  await removed(inner);
  await removed(below);
  subject.passed();
});

test('images cannot write other files than settings of groups', limited, async () => {
  await using group = new Group(pids!.mount, 'hostile');
  await using subject = new Subject('/bin/sleep', ['1000']);
  const below = await dumpLimited(subject, group);
  const image = path.join(subject.images, 'cgroup.img');
  const sound = crit('decode', '-i', image).stdout;
  for (const [from, to, message] of [
    ['"pids.max"', '"release_agent"', /"release_agent" is no setting of a control group/],
    ['"pids.max"', '"../../x"', /is no setting of a control group/],
    ['"below"', '"../below"', /is no name of a control group/],
  ] as const) {
    const json = path.join(subject.dir, 'changed.json');
    writeFileSync(json, sound.replace(from, to));
    assert.equal(crit('encode', '-i', json, '-o', image).status, 0);
    const { status, stderr } = crit('restore', '-d', '-D', subject.images, '--manage-cgroups=full');
    assert.equal(status, 1);
    assert.match(stderr, message);
    assert.ok(!existsSync(`/proc/${subject.pid}/exe`));
  }
  await removed(below);
  subject.passed();
});

const [first] = hierarchies;
test('--manage-cgroups=ignore leaves control groups alone', { skip: first ? false : 'no control groups' }, async () => {
  await using group = new Group(first!.mount, 'ignored');
  await using subject = new Subject('/bin/sleep', ['1000']);
  await sleeps(subject.pid);
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
  await sleeps(subject.pid);
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
