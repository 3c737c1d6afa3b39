import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { decodeImage, encodeImage } from '../../src/index.js';
import { LOCK_EX, LOCK_NB, LOCK_UN } from '../../src/kernel/uapi/open-flags.js';
import { sys, sysRaw } from '../../src/native/sys.js';
import { test } from '../root.js';
import { crit, sleep, Subject } from './round-trip.js';

const HOLDER = `
import fcntl, os, time
fd = os.open("held", os.O_RDWR | os.O_CREAT)
fcntl.flock(fd, fcntl.LOCK_EX)
fcntl.lockf(fd, fcntl.LOCK_EX, 10, 5)
print("ready", flush=True)
time.sleep(1000)
`;

async function holder(script = HOLDER): Promise<Subject> {
  const subject = new Subject('python3', ['-c', script]);
  await subject.says('ready');
  return subject;
}

const restore = (subject: Subject, ...options: string[]) => crit('restore', '-d', '-D', subject.images, ...options);

test('a lock is refused without --file-locks, and the option is named', async () => {
  await using subject = await holder();
  for (const how of [[], ['--dry-run']]) {
    const { status, stdout, stderr } = crit('dump', '-t', String(subject.pid), '-D', subject.images, ...how);
    assert.equal(status, 1);
    assert.match(
      stdout + stderr,
      /process \d+, descriptor \d+ \(\/.*\/held\): a lock on a file \(a (?:POSIX lock|lock of flock)\) is held: use --file-locks/,
    );
  }
  subject.passed();
});

test('a restore is refused while somebody else has the lock, who is named, and leaves nothing', async () => {
  await using subject = await holder();
  await subject.dump('--file-locks');
  const fd = openSync(path.join(subject.dir, 'held'), 'r+');
  try {
    sys('flock', fd, LOCK_EX | LOCK_NB);
    for (const how of [[], ['--dry-run']]) {
      const { status, stdout, stderr } = restore(subject, ...how);
      assert.equal(status, 1);
      assert.match(stdout + stderr, new RegExp(`/held .*a lock of flock .*process ${process.pid} \\(.*\\) has one`));
    }
    assert.throws(() => readFileSync(`/proc/${subject.pid}/stat`));
    const left = restore(subject, '--no-file-locks', '-v2');
    assert.equal(left.status, 0);
    assert.match(left.stderr, /2 lock\(s\) on files are left out/);
    sys('flock', fd, LOCK_UN);
    assert.equal(sysRaw('flock', fd, LOCK_EX | LOCK_NB), 0);
  } finally {
    closeSync(fd);
  }
  subject.passed();
});

test('a lock that cannot be taken in the end undoes the restore', async () => {
  await using subject = await holder(`
import fcntl, os, time
fds = [os.open("held", os.O_RDWR | os.O_CREAT) for i in range(2)]
fcntl.flock(fds[0], fcntl.LOCK_EX)
print("ready", flush=True)
time.sleep(1000)
`);
  await subject.dump('--file-locks');
  // another description of the file: a conflict with what is not held yet
  const image = path.join(subject.images, 'filelocks.img');
  const locks = decodeImage(image);
  const entries = locks.entries as unknown as { message: { fd: number } }[];
  const { message } = entries[0]!;
  entries.push({ message: { ...message, fd: message.fd + 1 } });
  writeFileSync(image, encodeImage(locks));
  const { status, stderr } = restore(subject);
  assert.equal(status, 1);
  assert.match(stderr, new RegExp(`/held .*a lock of flock cannot be taken again: process ${subject.pid} \\(`));
  assert.throws(() => readFileSync(`/proc/${subject.pid}/stat`));
  subject.passed();
});

test('a lock that a process outside shares is refused', async () => {
  await using subject = await holder(`
import fcntl, os, time
shared = os.open("shared", os.O_RDWR | os.O_CREAT)
fcntl.flock(shared, fcntl.LOCK_EX)
if os.fork() == 0:
    os.setsid()
    print("child", os.getpid(), flush=True)
    time.sleep(1000)
print("ready", flush=True)
time.sleep(1000)
`);
  await subject.says('child');
  const child = /child (\d+)/.exec(subject.output)![1]!;
  const shared = crit('dump', '-t', child, '-D', subject.images, '--file-locks');
  assert.equal(shared.status, 1);
  assert.match(
    shared.stderr,
    /process \d+, descriptor 3 \(\/.*\/shared\): a lock of flock is shared with process \d+ \(python3\), which is outside of the tree/,
  );
  subject.passed();
});

test('a lock that a process outside waits for is refused, unless the tree runs on', async () => {
  await using subject = await holder();
  await using waiter = new Subject('python3', [
    '-c',
    `import fcntl,os; fd=os.open("${subject.dir}/held",os.O_RDWR); print("ready",flush=True); fcntl.flock(fd,fcntl.LOCK_EX)`,
  ]);
  await waiter.says('ready');
  await sleep(200);
  const { status, stderr } = subject.tryDump('--file-locks', '-o', '-');
  assert.equal(status, 1);
  assert.match(stderr, new RegExp(`held\\): a lock of flock is waited for by process ${waiter.pid} \\(python3\\)`));
  await subject.dump('--file-locks', '-R');
  waiter.passed();
  subject.passed();
});

const WRITERS = `
import sqlite3, os, time
def connect():
    return sqlite3.connect("bank.db", timeout=60, isolation_level=None)
db = connect()
db.execute("pragma journal_mode=wal")
db.execute("create table t (who, n)")
db.close()
kids = []
for who in range(2):
    pid = os.fork()
    if pid == 0:
        db = connect()
        n = 0
        while not os.path.exists("enough"):
            db.execute("begin immediate")
            db.execute("insert into t values (?, ?)", (who, n))
            time.sleep(0.005)
            db.execute("commit")
            n += 1
        os._exit(0)
    kids.append(pid)
print("ready", flush=True)
for pid in kids:
    assert os.waitpid(pid, 0)[1] == 0
db = connect()
rows = db.execute("select who, count(*) = max(n) + 1 from t group by who order by who").fetchall()
print("rows", rows, db.execute("pragma integrity_check").fetchone()[0], flush=True)
`;

test('two writers of an sqlite database with a write-ahead log go on writing after each of three dumps', async () => {
  await using subject = await holder(WRITERS);
  for (let i = 0; i < 3; i++) {
    await sleep(150);
    if (i % 2 === 0) await subject.dump('--file-locks', '-R', '--file-validation', 'none');
    else {
      await subject.dump('--file-locks', '--file-validation', 'none');
      subject.restore('--file-validation', 'none');
    }
  }
  writeFileSync(path.join(subject.dir, 'enough'), '');
  await subject.says('rows');
  assert.match(subject.output, /rows \[\(0, 1\), \(1, 1\)\] ok/);
  subject.passed();
});
