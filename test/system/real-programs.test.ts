import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from '../root.js';
import { comes, crit, gone, sleep, sleeps, Subject } from './round-trip.js';

/** Dumps, restores, and demands that the program goes on writing. */
async function goesOn(subject: Subject): Promise<void> {
  await subject.saysMore();
  await subject.dump();
  const before = subject.output;
  await sleep(50);
  assert.equal(subject.output, before, 'it is gone after the dump');
  subject.restore();
  await subject.saysMore();
  await subject.saysMore();
  assert.ok(subject.output.startsWith(before));
}

test('python3 with threads goes on counting where it was', async () => {
  await using subject = new Subject('python3', [
    '-u',
    '-c',
    `
import threading, time, queue
q = queue.Queue()
def work(n):
    i = 0
    while True:
        i += 1
        q.put((n, i))
        time.sleep(0.02)
for n in range(4): threading.Thread(target=work, args=(n,), daemon=True).start()
last = {}
while True:
    n, i = q.get()
    assert i == last.get(n, 0) + 1, (n, i)
    last[n] = i
    print(n, i)
`,
  ]);
  await goesOn(subject);
  assert.doesNotMatch(subject.output, /Error/);
  subject.passed();
});

test('python3 asyncio keeps its tasks, timers and pipes', async () => {
  await using subject = new Subject('python3', [
    '-u',
    '-c',
    `
import asyncio, os
async def main():
    r, w = os.pipe()
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(r, 'rb', 0))
    async def produce():
        i = 0
        while True:
            i += 1
            os.write(w, b'%d\\n' % i)
            await asyncio.sleep(0.02)
    task = asyncio.create_task(produce())
    want = 1
    while True:
        line = await reader.readline()
        assert int(line) == want, (line, want)
        want += 1
        print(int(line))
asyncio.run(main())
`,
  ]);
  await goesOn(subject);
  assert.doesNotMatch(subject.output, /Error/);
  subject.passed();
});

test('node goes on, with its event loop and worker threads', async () => {
  await using subject = new Subject(process.execPath, [
    '-e',
    `let i = 0; const kept = Array.from({ length: 1000 }, (_, n) => 'x'.repeat(n));
     setInterval(() => { i++; if (kept[999].length !== 999) throw new Error('lost'); console.log(i);
       require('node:crypto').pbkdf2('a', 'b', 10, 16, 'sha256', (e) => { if (e) throw e; console.log('hashed', i); }); }, 20);`,
  ]);
  await goesOn(subject);
  await subject.says('hashed', subject.output.length);
  assert.doesNotMatch(subject.output, /Error/);
  subject.passed();
});

test('a bash pipeline goes on, line by line', async () => {
  await using subject = new Subject('bash', [
    '-c',
    `i=0; while :; do i=$((i+1)); echo line $i; sleep 0.02; done | sed -u 's/line/LINE/' | while read -r a b; do echo "$a=$b"; done`,
  ]);
  await subject.says('LINE=5');
  await goesOn(subject);
  const numbers = subject.output
    .trim()
    .split('\n')
    .map((line) => Number(line.split('=')[1]));
  numbers.forEach((n, i) => {
    assert.equal(n, i + 1);
  });
  subject.passed();
});

test('perl goes on with an alarm and a child', async () => {
  await using subject = new Subject('perl', [
    '-e',
    `$|=1; use Time::HiRes qw(setitimer ITIMER_REAL); pipe(R,W); if (!fork) { while (1) { syswrite W, "tick\\n"; select undef,undef,undef,0.02 } }
     $SIG{ALRM} = sub { print "alarm\\n" }; setitimer(ITIMER_REAL, 0.03, 0.03); $n = 0; while (1) { if (defined($l = <R>)) { $n++; print "$n $l" } }`,
  ]);
  await goesOn(subject);
  await subject.says('alarm', subject.output.length);
  subject.passed();
});

test('a python3 process in the middle of an sqlite transaction commits it after the restore', async () => {
  await using subject = new Subject('python3', [
    '-u',
    '-c',
    `
import sqlite3, time, os
db = sqlite3.connect(':memory:', isolation_level=None)
db.execute('create table t(n)')
db.execute('begin')
i = 0
while not os.path.exists('go'):
    i += 1
    db.execute('insert into t values(?)', (i,))
    print(i)
    time.sleep(0.02)
db.execute('commit')
print('committed', db.execute('select count(*) from t').fetchone()[0] == i)
time.sleep(1000)
`,
  ]);
  await goesOn(subject);
  writeFileSync(path.join(subject.dir, 'go'), '');
  await subject.says('committed True');
  subject.passed();
});

test('a process goes on with what was changed in its images as JSON', async () => {
  await using subject = new Subject('python3', [
    '-u',
    '-c',
    `import time\nwhile True:\n    print(open('/proc/self/comm').read().strip())\n    time.sleep(0.02)`,
  ]);
  await subject.says('python3');
  await subject.dump();
  const image = path.join(subject.images, `core-${subject.pid}.img`);
  const shown = crit('show', image);
  assert.equal(shown.status, 0);
  assert.match(shown.stdout, /"comm": "python3"/);
  const json = path.join(subject.dir, 'core.json');
  writeFileSync(json, shown.stdout.replaceAll('"comm": "python3"', '"comm": "renamed"'));
  assert.equal(crit('encode', '-i', json, '-o', image).status, 0);
  subject.restore();
  await subject.says('renamed');
  subject.passed();
});

test('restore --dry-run prints the plan and starts nothing', async () => {
  await using subject = new Subject('bash', ['-c', 'sleep 1000 & sleep 1000 | sleep 1000 & wait']);
  await comes(() => subject.tree().length === 4);
  for (const pid of subject.tree()) await sleeps(pid);
  const pids = subject.tree();
  await subject.dump();
  await gone(...pids);
  const plan = crit('restore', '--dry-run', '-D', subject.images);
  assert.equal(plan.status, 0, plan.stderr);
  for (const pid of pids) {
    assert.match(plan.stdout, new RegExp(`task ${pid}: `));
    assert.ok(!existsSync(`/proc/${pid}`));
  }
  subject.passed();
});

test('a dump with --leave-running leaves images that restore, and a process that runs', async () => {
  await using subject = new Subject('python3', [
    '-u',
    '-c',
    'import time\ni = 0\nwhile True:\n    i += 1\n    print(i)\n    time.sleep(0.01)',
  ]);
  await subject.saysMore();
  await subject.dump('-R');
  await subject.saysMore();
  assert.match(readFileSync(`/proc/${subject.pid}/status`, 'utf8'), /TracerPid:\s+0/);
  process.kill(subject.pid, 'SIGKILL');
  await gone(subject.pid);
  subject.restore();
  await subject.saysMore();
  subject.passed();
});
