import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { readImage } from '../../src/decode/image-reader.js';
import { decodeImage } from '../../src/index.js';
import { CRIT, program } from '../programs.js';
import { test } from '../root.js';
import { comes, crit, ended, gone, isAlive, Subject, type Done } from './round-trip.js';

// A directory of images holds one set, whatever happens to the dumps into it.

const STAGING = '.crit-dump';
const SLEEP = 'import time\nprint("ready")\nwhile True: time.sleep(0.01)';

/** A process whose images are of more kinds than another's. */
const RICH = `import os, socket
a, b = socket.socketpair()
a.send(b"in the queue")
r, w = os.pipe()
os.write(w, b"in the pipe")
f = open("gone", "w+"); f.write("deleted"); f.flush(); os.unlink("gone")
${SLEEP}`;

async function python(text = SLEEP): Promise<Subject> {
  const subject = new Subject('python3', ['-u', '-c', text]);
  await subject.says('ready');
  return subject;
}

const imagesIn = (dir: string): string[] =>
  readdirSync(dir)
    .filter((name) => name.endsWith('.img'))
    .sort();

/** Every byte of the images. */
const contents = (dir: string): Record<string, string> =>
  Object.fromEntries(imagesIn(dir).map((name) => [name, readFileSync(path.join(dir, name)).toString('base64')]));

/** Whose set a directory holds, which must be one whole set and nothing else; undefined without inventory. */
function ownerOf(dir: string): number | undefined {
  if (!existsSync(path.join(dir, 'inventory.img'))) return undefined;
  const names = readImage(dir, 'INVENTORY').entries[0]!.message.images!.map(({ name }) => name);
  assert.deepEqual(imagesIn(dir), [...names, 'inventory.img'].sort());
  return readImage(dir, 'PSTREE').entries[0]!.message.pid;
}

function dump(pid: number, dir: string, options: readonly string[] = [], env: Record<string, string> = {}): Done {
  const args = ['dump', '-t', String(pid), '-D', dir, '-o', 'dump.log', ...options];
  const { status, stdout, stderr } = spawnSync(CRIT, args, {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], ...env },
  });
  return { status, stdout, stderr };
}

function script(subject: Subject, name: string, text: string): string {
  const file = path.join(subject.dir, name);
  writeFileSync(file, `#!/bin/sh\n${text}\n`);
  chmodSync(file, 0o755);
  return file;
}

/** The set is that of a process, and restores: the plan of a restore is checked, as the process may still run. */
function holds(dir: string, pid: number): void {
  const { status, stdout, stderr } = crit('restore', '--dry-run', '-D', dir);
  const obstacles = stderr.split('\n').filter((line) => line !== '');
  assert.equal(status, obstacles.length > 0 ? 1 : 0, stderr);
  for (const obstacle of obstacles) assert.match(obstacle, /^crit: pid \d+ is in use by /);
  assert.match(stdout, new RegExp(`\\b${pid}\\b`));
  assert.equal(ownerOf(dir), pid);
}

/** What a dump that was killed may leave besides: no part of a set. */
const staged = (dir: string): string[] =>
  existsSync(path.join(dir, STAGING)) ? readdirSync(path.join(dir, STAGING)) : [];

test('a dump into a used directory leaves its own images, and all that is no image', async () => {
  await using rich = await python(RICH);
  await using plain = await python();
  const dir = rich.images;
  await rich.dump('-R');
  const old = imagesIn(dir);
  for (const name of ['notes.txt', 'irmap-cache', 'descriptors.json']) writeFileSync(path.join(dir, name), name);
  symlinkSync('/nowhere', path.join(dir, 'parent'));
  const outside = path.join(rich.dir, 'outside');
  writeFileSync(outside, 'mine');
  symlinkSync(outside, path.join(dir, 'tty.img'));
  assert.equal(dump(plain.pid, dir).status, 0);
  holds(dir, plain.pid);
  for (const name of ['sk-queues.img', 'remap-fpath.img'])
    assert.ok(old.includes(name) && !existsSync(path.join(dir, name)), name);
  assert.equal(readFileSync(outside, 'utf8'), 'mine');
  for (const name of ['notes.txt', 'irmap-cache', 'descriptors.json', 'stats-dump', 'dump.log'])
    assert.ok(readdirSync(dir).includes(name), name);
  // what the old set was an increment of is none of the new one's
  assert.ok(!readdirSync(dir).includes('parent'));
  await gone(plain.pid);
  assert.equal(crit('restore', '-d', '-D', dir).status, 0);
  plain.passed();
  rich.passed();
});

test('a dump that fails leaves the set that was there, to the byte', async () => {
  await using old = await python(RICH);
  await using other = await python(
    `import socket\ns = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM, 0)\n${SLEEP}`,
  );
  await using large = await python(`x = b"x" * (24 << 20)\n${SLEEP}`);
  const dir = old.images;
  assert.equal(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=32m', 'none', dir]).status, 0);
  try {
    await old.dump('-R');
    const before = contents(dir);
    const fail = script(old, 'fail', '[ "$CRTOOLS_SCRIPT_ACTION" != post-dump ]');
    const interrupt = script(old, 'interrupt', '[ "$CRTOOLS_SCRIPT_ACTION" != post-dump ] || kill -INT $PPID');
    const kill = script(old, 'kill', '[ "$CRTOOLS_SCRIPT_ACTION" != post-dump ] || kill -KILL $PPID');
    const cases: readonly [string, number, string[], RegExp | null][] = [
      ['a refused descriptor', other.pid, [], /socket/],
      ['a script that fails', old.pid, ['-R', '--action-script', fail], /status 1 at post-dump/],
      ['SIGINT', old.pid, ['--action-script', interrupt], /SIGINT/],
      ['SIGKILL', old.pid, ['--action-script', kill], null],
      ['a full disk', large.pid, [], /pages-1\.img: cannot be written/],
      ['no such process', 4194303, [], /4194303/],
    ];
    for (const [what, pid, options, message] of cases) {
      const { status, stderr } = dump(pid, dir, options);
      assert.equal(status, message ? 1 : null, `${what}: ${stderr}`);
      if (message) assert.match(stderr, message, what);
      assert.deepEqual(contents(dir), before, what);
      assert.equal(existsSync(path.join(dir, STAGING)), message === null, what);
      holds(dir, old.pid);
    }
    for (const subject of [other, large]) await subject.dump('-R').catch(() => undefined);
  } finally {
    spawnSync('umount', [dir]);
  }
  for (const subject of [old, other, large]) {
    assert.match(readFileSync(`/proc/${subject.pid}/status`, 'utf8'), /State:\s+[RSD][\s\S]*TracerPid:\s+0/);
    subject.passed();
  }
});

test('a dump that fails leaves the links that belong to the set that was there', async () => {
  await using subject = await python(
    `import os\nf = open("name", "w+"); os.link("name", "other"); os.unlink("name")\n${SLEEP}`,
  );
  const links = () => readdirSync(subject.dir).filter((name) => name.startsWith('link_remap.'));
  await subject.dump('-R', '--link-remap');
  const made = links();
  assert.equal(made.length, 1);
  const fail = script(subject, 'fail', '[ "$CRTOOLS_SCRIPT_ACTION" != post-dump ]');
  const { status } = dump(subject.pid, subject.images, ['-R', '--link-remap', '--action-script', fail]);
  assert.equal(status, 1);
  assert.deepEqual(links(), made);
  holds(subject.images, subject.pid);
  subject.passed();
});

test('scripts of a dump find the new images, whole, where CRTOOLS_IMAGE_DIR says', async () => {
  await using subject = await python();
  const copy = path.join(subject.dir, 'copy');
  const cp = script(
    subject,
    'cp',
    `case $CRTOOLS_SCRIPT_ACTION in pre-dump) echo 1 > "$CRTOOLS_IMAGE_DIR/note";; *) cp -r "$CRTOOLS_IMAGE_DIR" ${copy};; esac`,
  );
  await subject.dump('--action-script', cp);
  assert.equal(readFileSync(path.join(subject.images, 'note'), 'utf8'), '1\n');
  assert.deepEqual(contents(copy), contents(subject.images));
  rmSync(subject.images, { recursive: true });
  mkdirSync(subject.images);
  assert.equal(crit('restore', '-d', '-D', copy).status, 0);
  subject.passed();
});

test('a dump that is killed at any step of its commit leaves the new set, which the next command finishes', async () => {
  await using a = await python(RICH);
  await using b = await python();
  const dir = a.images;
  await a.dump('-R');
  let kills = 0;
  for (let step = 1; ; step++) {
    const [next, last] = ownerOf(dir) === a.pid ? [b, a] : [a, b];
    const { status } = dump(next.pid, dir, ['-R'], { CRIT_FAULT: `commit:${step}` });
    if (status === 0) break;
    kills++;
    // A reader that knows nothing of staging sees a whole set or none.
    assert.ok([undefined, next.pid].includes(ownerOf2(dir)), `step ${step}: ${last.pid}`);
    if (step % 3 === 0) {
      // What finishes it may be killed too.
      const { status } = spawnSync(CRIT, ['restore', '--dry-run', '-D', dir], {
        env: { PATH: process.env['PATH'], CRIT_FAULT: 'commit:2' },
      });
      // 1: the processes still run, their pids are in the way.
      assert.ok(status === null || status === 1);
    }
    if (step % 3 === 1) assert.match(crit('x', dir, 'ps').stdout, new RegExp(`\\b${next.pid}\\b`));
    holds(dir, next.pid);
    assert.deepEqual(staged(dir), []);
  }
  assert.ok(kills > 20, `${kills} steps`);
  for (const subject of [a, b]) {
    assert.match(readFileSync(`/proc/${subject.pid}/status`, 'utf8'), /TracerPid:\s+0/);
    subject.passed();
  }
});

/** As ownerOf, between two steps: images may stand there that an inventory will name. */
function ownerOf2(dir: string): number | undefined {
  return existsSync(path.join(dir, 'inventory.img')) ? ownerOf(dir) : undefined;
}

test('a dump finishes what another was killed in, also when it fails itself', async () => {
  await using a = await python(RICH);
  await using b = await python();
  const dir = a.images;
  await a.dump('-R');
  for (const step of [1, 2, 8, 14]) {
    const next = ownerOf(dir) === a.pid ? b : a;
    assert.equal(dump(next.pid, dir, ['-R'], { CRIT_FAULT: `commit:${step}` }).status, null);
    assert.equal(dump(4194303, dir).status, 1);
    holds(dir, next.pid);
  }
  a.passed();
  b.passed();
});

/** A dump beside others. @returns its exit status */
const started = (pid: number, dir: string, ...options: string[]): Promise<number | null> =>
  new Promise((resolve) =>
    spawn(CRIT, ['dump', '-t', String(pid), '-D', dir, ...options], { stdio: 'ignore' }).once('exit', resolve),
  );

test('of two dumps into one directory at once, one is refused and the other leaves its set', async () => {
  await using a = await python(RICH);
  await using b = await python();
  const go = path.join(a.dir, 'go');
  const wait = script(
    a,
    'wait',
    `[ "$CRTOOLS_SCRIPT_ACTION" = post-dump ] || exit 0
touch ${path.join(a.dir, 'there')}
for i in $(seq 6000); do [ -e ${go} ] && exit 0; sleep 0.02; done
exit 1`,
  );
  const first = started(a.pid, a.images, '--action-script', wait);
  assert.ok(await comes(() => existsSync(path.join(a.dir, 'there'))));
  const second = dump(b.pid, a.images, ['-o', path.join(b.dir, 'log')]);
  assert.equal(second.status, 1);
  assert.match(second.stderr, /another dump is writing into/);
  writeFileSync(go, '');
  assert.equal(await first, 0);
  holds(a.images, a.pid);
  assert.match(readFileSync(`/proc/${b.pid}/status`, 'utf8'), /TracerPid:\s+0/);
  // and without a delay, some times
  for (let i = 0; i < 5; i++) {
    const runs = [0, 1].map(() => started(b.pid, b.images, '-R'));
    const statuses = await Promise.all(runs);
    assert.ok(statuses.includes(0), statuses.join());
    holds(b.images, b.pid);
  }
  await gone(a.pid);
  assert.equal(crit('restore', '-d', '-D', a.images).status, 0);
  a.passed();
  b.passed();
});

test('a dump that is killed while it ends the tree leaves the set, and nobody alive', async () => {
  await using subject = new Subject(program('heartbeat'), ['1', '0', '0', '3']);
  await subject.says('ready');
  for (let n = 1; n <= 5; n++) {
    const family = subject.tree();
    assert.equal(family.length, 4);
    assert.equal(dump(subject.pid, subject.images, [], { CRIT_FAULT: `kill:${n}` }).status, null);
    await ended(...family);
    assert.deepEqual(family.filter(isAlive), [], `killed after ${n - 1} kills`);
    await gone(subject.pid);
    subject.restore();
  }
  subject.passed();
});

test('a restore whose set is replaced meanwhile says so and starts nothing', async () => {
  await using a = await python();
  await using b = await python();
  await a.dump();
  const again = script(
    a,
    'again',
    `[ "$CRTOOLS_SCRIPT_ACTION" != post-restore ] || ${CRIT} dump -R -t ${b.pid} -D ${a.images}`,
  );
  const { status, stderr } = crit('restore', '-d', '-D', a.images, '--action-script', again);
  assert.equal(status, 1);
  assert.match(stderr, /was replaced/);
  assert.ok(!existsSync(`/proc/${a.pid}`));
  holds(a.images, b.pid);
  a.passed();
  b.passed();
});

test('a set of which an image is missing or cut off is refused, and the image named', async () => {
  await using subject = await python(`x = [(i, str(i)) for i in range(1000)]\n${RICH}`);
  await subject.dump();
  const dir = subject.images;
  const whole = path.join(subject.dir, 'whole');
  assert.equal(spawnSync('cp', ['-a', dir, whole]).status, 0);
  const named = decodeImage(path.join(dir, 'inventory.img'), { type: 'INVENTORY' }).entries[0]?.message.images ?? [];
  assert.deepEqual(
    named.map(({ name }) => name).sort(),
    imagesIn(dir).filter((name) => name !== 'inventory.img'),
    'the inventory names every image',
  );
  for (const name of imagesIn(dir)) {
    if (name === 'inventory.img') continue;
    const file = path.join(dir, name);
    for (const spoil of [() => rmSync(file), () => truncateSync(file, 0)]) {
      spoil();
      const { status, stderr } = crit('restore', '-d', '-D', dir);
      assert.equal(status, 1, name);
      assert.ok(stderr.includes(name), `${name}: ${stderr}`);
      assert.equal(spawnSync('cp', ['-a', path.join(whole, name), file]).status, 0);
    }
  }
  // A ghost file has no end of its own, and blocks are what a disk loses.
  const [ghost] = imagesIn(dir).filter((name) => name.startsWith('ghost-file'));
  assert.ok(ghost);
  // An edited set is no torn one: whatever is shorter now was made so.
  for (const name of imagesIn(dir).filter((name) => /^(core|files|mm|ids)/.test(name))) {
    const { stdout } = crit('show', path.join(dir, name));
    const json = path.join(subject.dir, 'json');
    writeFileSync(json, stdout.replaceAll('python3', 'py'));
    assert.equal(crit('encode', '-i', json, '-o', path.join(dir, name)).status, 0);
  }
  const { status, stderr } = crit('restore', '-d', '-D', dir);
  // the file of the program is looked for under its new name
  assert.ok(status === 0 || /\/py\b/.test(stderr), stderr);
  subject.passed();
});

test('a new set that a power cut has damaged before the older one was touched leaves the older one', async () => {
  await using a = await python(RICH);
  await using b = await python();
  const dir = a.images;
  await a.dump('-R');
  const older = path.join(a.dir, 'older');
  assert.equal(spawnSync('cp', ['-a', dir, older]).status, 0);
  assert.equal(dump(b.pid, dir, ['-R'], { CRIT_FAULT: 'commit:1' }).status, null);
  assert.equal(ownerOf2(dir), undefined);
  truncateSync(path.join(dir, STAGING, 'committed.img'), 0);
  const { status, stderr } = crit('restore', '-d', '-D', dir);
  assert.equal(status, 1);
  assert.match(stderr, /inventory is damaged/);
  assert.equal(spawnSync('cp', [path.join(older, 'inventory.img'), dir]).status, 0);
  holds(dir, a.pid);
  assert.ok(!existsSync(path.join(dir, STAGING)));
  // and a dump goes on where nothing can be saved
  assert.equal(dump(b.pid, dir, ['-R'], { CRIT_FAULT: 'commit:3' }).status, null);
  truncateSync(path.join(dir, STAGING, 'committed.img'), 0);
  assert.equal(dump(b.pid, dir, ['-R']).status, 0);
  holds(dir, b.pid);
  a.passed();
  b.passed();
});

test('a ghost file that a power cut has cut off at a block is refused', async () => {
  await using subject = await python(
    `import os\nf = open("gone", "w+"); f.write("d" * 9000); f.flush(); os.unlink("gone")\n${SLEEP}`,
  );
  await subject.dump();
  const [ghost] = imagesIn(subject.images).filter((name) => name.startsWith('ghost-file'));
  const file = path.join(subject.images, ghost!);
  const all = readFileSync(file);
  truncateSync(file, 8192);
  const { status, stderr } = crit('restore', '-d', '-D', subject.images);
  assert.equal(status, 1);
  assert.match(stderr, new RegExp(`${ghost!} is cut off after 8192 of ${all.length} bytes`));
  writeFileSync(file, all);
  subject.restore();
  subject.passed();
});

test('--sync brings the images to the disk before the process is ended', async (t) => {
  if (spawnSync('strace', ['-V']).status !== 0) {
    t.skip('no strace here');
    return;
  }
  await using subject = await python(RICH);
  const trace = path.join(subject.dir, 'trace');
  const args = ['-f', '-y', '-o', trace, '-e', 'trace=fsync,syncfs,kill,rename', CRIT];
  const { status, stderr } = spawnSync(
    'strace',
    [...args, 'dump', '--sync', '-t', String(subject.pid), '-D', subject.images],
    { encoding: 'utf8' },
  );
  assert.equal(status, 0, stderr);
  const lines = readFileSync(trace, 'utf8').split('\n');
  const place = (pattern: RegExp) => lines.findIndex((line) => pattern.test(line));
  const end = place(new RegExp(`kill\\(${subject.pid}, SIGKILL\\)`));
  const committed = place(/rename\(.*committed\.img/);
  assert.ok(committed > 0 && end > committed, lines.join('\n'));
  const synced = place(/syncfs\(\d+<[^>]*\/\.crit-dump>\) = 0/);
  assert.ok(synced >= 0 && synced < committed);
  const directory = lines.findLastIndex((line) => line.includes(`<${subject.images}>) = 0`));
  assert.ok(directory > committed && directory < end);
  subject.passed();
});
