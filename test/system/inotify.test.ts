import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { program } from '../programs.js';
import { test } from '../root.js';
import { crit, Subject, verdict } from './round-trip.js';

const LONELY = `
import ctypes, os, time
libc = ctypes.CDLL(None)
i = libc.inotify_init1(0o4000)
os.mkdir("watched")
assert libc.inotify_add_watch(i, b"watched", 0x100) == 1
print("ready", flush=True)
time.sleep(1000)
`;

for (const how of ['restore', '-R'])
  test(`watches of inotify keep their numbers, and nothing that crit does is an event (${how})`, async () => {
    await using subject = new Subject(program('watches'), []);
    await subject.says('ready');
    if (how === '-R') for (let i = 0; i < 3; i++) await subject.dump('-R');
    else {
      await subject.dump();
      subject.restore();
    }
    assert.equal(await verdict(subject), 'ok\n');
    subject.passed();
  });

test('an inotify with events that nobody has read is refused, and keeps them', async () => {
  await using subject = new Subject('python3', ['-c', LONELY]);
  await subject.says('ready');
  writeFileSync(path.join(subject.dir, 'watched/new'), '');
  const { status, stderr } = crit('dump', '-t', String(subject.pid), '-D', subject.images);
  assert.equal(status, 1);
  assert.match(stderr, /an inotify with events that nobody has read is not supported yet/);
  unlinkSync(path.join(subject.dir, 'watched/new'));
  subject.passed();
});

test('a watched file that is missing, or has no name any more, is named', async () => {
  await using subject = new Subject('python3', ['-c', LONELY]);
  await subject.says('ready');
  await subject.dump();
  const watched = path.join(subject.dir, 'watched');
  renameSync(watched, `${watched}.away`);
  const { status, stderr } = crit('restore', '-d', '-D', subject.images);
  assert.equal(status, 1);
  assert.match(stderr, /file \/.*\/watched is missing: the dumped tree watched it/);
  renameSync(`${watched}.away`, watched);
  subject.restore();
  // a handle of what is gone leads nowhere
  rmdirSync(watched);
  mkdirSync(watched);
  const again = crit('dump', '-t', String(subject.pid), '-D', subject.images);
  assert.equal(again.status, 1);
  assert.match(again.stderr, /has no name here|events that nobody has read/);
  subject.passed();
});

/** An overlayfs in a directory, which knows no handles: what is in it is found by its name alone. */
class Overlay implements Disposable {
  readonly dir: string;
  readonly obstacle: string | undefined;

  constructor(dir: string) {
    this.dir = dir;
    const mount = (...args: string[]) => spawnSync('mount', args, { encoding: 'utf8' });
    const below = mount('-t', 'tmpfs', '-o', 'size=4m', 'none', dir);
    for (const name of ['lower', 'upper', 'work', 'over']) mkdirSync(path.join(dir, name));
    const layers = `lowerdir=${dir}/lower,upperdir=${dir}/upper,workdir=${dir}/work`;
    const { status, stderr } = mount('-t', 'overlay', '-o', layers, 'none', path.join(dir, 'over'));
    this.obstacle = status === 0 ? undefined : below.stderr + stderr;
  }

  [Symbol.dispose](): void {
    spawnSync('umount', [path.join(this.dir, 'over')]);
    spawnSync('umount', [this.dir]);
    rmdirSync(this.dir);
  }
}

for (const how of ['restore', '-R'])
  test(`files that no handle leads to are searched for where one says, without an event (${how})`, async (t) => {
    const place = mkdtempSync(path.join(tmpdir(), 'crit-test-overlay-'));
    using overlay = new Overlay(place);
    if (overlay.obstacle !== undefined) {
      t.skip(overlay.obstacle);
      return;
    }
    await using subject = new Subject('sh', ['-c', `cd ${place}/over && exec ${program('watches')}`]);
    await subject.says('ready');
    const without = subject.tryDump();
    assert.equal(without.status, 1);
    assert.match(without.stderr, /a file that has no name here \(inode \d+\): say with --irmap-scan-path where/);
    if (how === '-R') await subject.dump('-R', '--irmap-scan-path', place);
    else {
      await subject.dump('--irmap-scan-path', place);
      subject.restore();
    }
    assert.equal(await verdict(subject), 'ok\n');
    subject.passed();
  });
