import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  linkSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { CRIT } from '../programs.js';
import { test } from '../root.js';
import { crit, Subject } from './round-trip.js';

// What another user puts where root's crit is told to write: nothing of root's is changed, and nothing waits.

const USER = 65534;
const SLEEP = 'import time\nprint("ready")\nwhile True: time.sleep(0.01)';

class Foreign extends Subject {
  /** A directory of the other user. */
  readonly theirs = path.join(this.dir, 'theirs');
  readonly precious = path.join(this.dir, 'precious');

  constructor() {
    super('python3', ['-u', '-c', SLEEP]);
    mkdirSync(this.theirs);
    chownSync(this.theirs, USER, USER);
    writeFileSync(this.precious, 'precious');
  }

  link(name: string, target = this.precious): string {
    const file = path.join(this.theirs, name);
    symlinkSync(target, file);
    lchownSync(file, USER, USER);
    return file;
  }

  fifo(name: string): string {
    const file = path.join(this.theirs, name);
    assert.equal(spawnSync('mkfifo', [file]).status, 0);
    chownSync(file, USER, USER);
    return file;
  }

  dumpThere(...options: string[]): void {
    const { status, stderr } = crit('dump', '-R', '-t', String(this.pid), '-D', this.theirs, ...options);
    assert.equal(status, 0, stderr);
    assert.equal(readFileSync(this.precious, 'utf8'), 'precious');
  }
}

async function foreign(): Promise<Foreign> {
  const subject = new Foreign();
  await subject.says('ready');
  return subject;
}

test("a log goes into a file of root's own, whatever a user has put under its name", async () => {
  await using subject = await foreign();
  const log = path.join(subject.theirs, 'dump.log');
  const plants: (() => unknown)[] = [
    () => subject.link('dump.log'),
    () => subject.link('dump.log', '/nowhere/at/all'),
    () => subject.fifo('dump.log'),
    () => linkSync(subject.precious, log),
  ];
  for (const plant of plants) {
    rmSync(log, { force: true });
    plant();
    subject.dumpThere('-o', 'dump.log', '-v4');
    const stat = lstatSync(log);
    assert.ok(stat.isFile() && stat.uid === 0 && stat.nlink === 1 && (stat.mode & 0o777) === 0o600);
    assert.match(readFileSync(log, 'utf8'), /Dumping finished successfully/);
  }
  subject.passed();
});

test('in a sticky directory of everybody, the same; what root has put there is used', async () => {
  await using subject = await foreign();
  const shared = path.join(subject.dir, 'shared');
  mkdirSync(shared);
  assert.equal(spawnSync('chmod', ['1777', shared]).status, 0);
  const log = path.join(shared, 'log');
  symlinkSync(subject.precious, log);
  lchownSync(log, USER, USER);
  subject.dumpThere('-o', log, '-v4');
  assert.ok(lstatSync(log).isFile());
  rmSync(log);
  symlinkSync(path.join(subject.dir, 'mine'), log);
  subject.dumpThere('-o', log, '-v4');
  assert.match(readFileSync(path.join(subject.dir, 'mine'), 'utf8'), /finished successfully/);
  assert.ok(readlinkSync(log));
  subject.passed();
});

test("root's own directories of links work on", async () => {
  await using subject = await foreign();
  mkdirSync(path.join(subject.dir, 'real'));
  symlinkSync('real', path.join(subject.dir, 'once'));
  symlinkSync(path.join(subject.dir, 'once'), path.join(subject.dir, 'twice'));
  symlinkSync('../real/log.1', path.join(subject.dir, 'real/log'));
  const dir = path.join(subject.dir, 'twice');
  const { status, stderr } = crit('dump', '-t', String(subject.pid), '-D', dir, '-o', 'log', '-v4');
  assert.equal(status, 0, stderr);
  assert.match(readFileSync(path.join(subject.dir, 'real/log.1'), 'utf8'), /finished successfully/);
  for (const log of ['/dev/null', '/dev/stdout', '/dev/fd/1', '/proc/self/fd/1', '-']) {
    // a pipe of the shell: the one of Node is a socket, which cannot be opened
    const { status, stdout } = spawnSync(
      'bash',
      ['-o', 'pipefail', '-c', '"$0" restore --dry-run -v3 -D "$1" -o "$2" | cat', CRIT, dir, log],
      {
        encoding: 'utf8',
      },
    );
    assert.equal(status, 0, log);
    assert.equal(/Version/.test(stdout), log !== '/dev/null', log);
  }
  subject.passed();
});

test("directories are not reached through another user's link", async () => {
  await using subject = await foreign();
  const mine = path.join(subject.dir, 'mine');
  mkdirSync(mine);
  assert.equal(crit('dump', '-R', '-t', String(subject.pid), '-D', mine).status, 0);
  const link = subject.link('link', mine);
  const before = readFileSync(path.join(mine, 'inventory.img'));
  const pid = String(subject.pid);
  for (const args of [
    ['dump', '-R', '-t', pid, '-D', link],
    ['dump', '-R', '-t', pid, '-D', path.join(link, '.')],
    ['dump', '-R', '-t', pid, '-D', subject.images, '-W', link],
    ['dump', '-R', '-t', pid, '-D', subject.images, '-o', path.join(link, 'log')],
    ['restore', '-d', '-D', link],
  ]) {
    const { status, stderr } = crit(...args);
    assert.equal(status, 1, args.join(' '));
    assert.match(stderr, /symbolic link that another user \(uid 65534\)/);
  }
  assert.deepEqual(readFileSync(path.join(mine, 'inventory.img')), before);
  assert.ok(!existsSync(path.join(mine, 'log')));
  subject.passed();
});

test('images, statistics and pidfiles replace links or refuse them', async () => {
  await using subject = await foreign();
  subject.link('stats-dump');
  subject.link('pstree.img');
  subject.dumpThere();
  assert.ok(lstatSync(path.join(subject.theirs, 'stats-dump')).isFile());
  assert.ok(lstatSync(path.join(subject.theirs, 'pstree.img')).isFile());
  // where a dump makes its images
  rmSync(path.join(subject.theirs, 'inventory.img'));
  mkdirSync(path.join(subject.dir, 'trap'));
  subject.link('.crit-dump', path.join(subject.dir, 'trap'));
  const trapped = crit('dump', '-R', '-t', String(subject.pid), '-D', subject.theirs);
  assert.equal(trapped.status, 1);
  assert.match(trapped.stderr, /\.crit-dump.* remove it/);
  rmSync(path.join(subject.theirs, '.crit-dump'));
  subject.dumpThere();
  process.kill(subject.pid, 'SIGKILL');
  const pidfile = subject.link('pid');
  const { status, stderr } = crit('restore', '-d', '-D', subject.theirs, '--pidfile', pidfile);
  assert.equal(status, 1);
  assert.match(stderr, /pidfile .* exists already/);
  assert.equal(readFileSync(subject.precious, 'utf8'), 'precious');
  subject.passed();
});

test("another user's configuration does not decide what root runs", async () => {
  await using subject = await foreign();
  const ran = path.join(subject.dir, 'ran');
  const evil = path.join(subject.theirs, 'evil');
  writeFileSync(evil, `#!/bin/sh\ntouch ${ran}\n`, { mode: 0o755 });
  const conf = path.join(subject.theirs, '.criu/default.conf');
  mkdirSync(path.dirname(conf));
  writeFileSync(conf, `action-script ${evil}\n`);
  const run = (env: Record<string, string>) =>
    spawnSync(CRIT, ['dump', '-R', '-t', String(subject.pid), '-D', subject.images], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], ...env },
    });
  const own = (file: string, uid: number, mode: string) => {
    chownSync(file, uid, uid);
    assert.equal(spawnSync('chmod', [mode, file]).status, 0);
  };
  for (const [uid, mode] of [
    [USER, '600'],
    [0, '666'],
  ] as const) {
    own(conf, uid, mode);
    const home = run({ HOME: subject.theirs });
    assert.equal(home.status, 0, home.stderr);
    assert.match(home.stderr, /default\.conf (belongs to another user|can be written by others).*left out/);
    const named = run({ CRIU_CONFIG_FILE: conf });
    assert.equal(named.status, 1);
    assert.match(named.stderr, /default\.conf (belongs|can be written)/);
  }
  rmSync(conf);
  assert.equal(spawnSync('mkfifo', [conf]).status, 0);
  assert.match(run({ HOME: subject.theirs }).stderr, /not a regular file.*left out/);
  assert.ok(!existsSync(ran));
  rmSync(conf);
  writeFileSync(conf, `action-script ${evil}\n`);
  own(conf, 0, '644');
  assert.equal(run({ HOME: subject.theirs }).status, 0);
  assert.ok(statSync(ran));
  subject.passed();
});
