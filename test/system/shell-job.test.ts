import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { CRIT } from '../programs.js';
import { test } from '../root.js';
import { sleep, Subject } from './round-trip.js';

/** A job that tells what it reads and that it was interrupted. */
const JOB = `
import signal, sys
out = open('heard', 'a', buffering=1)
signal.signal(signal.SIGINT, lambda *_: print('interrupted', file=out))
print('ready', file=out)
for line in sys.stdin:
    print('read', line.strip(), file=out)
    if line == 'end\\n': break
`;

/**
 * Types into a shell on a terminal of its own: starts the job, dumps it from outside, restores it with the same shell,
 * talks to it, interrupts it, ends it. Prints the last word of the shell.
 */
const TYPIST = `
import os, pty, re, select, shlex, subprocess, sys, time
crit, images = sys.argv[1:]
pid, terminal = pty.fork()
if pid == 0: os.execvp('bash', ['bash', '--norc', '--noprofile'])
screen = ''
def look(until, seconds=20):
    global screen
    end = time.time() + seconds
    while not until():
        assert time.time() < end, 'nothing happens: ' + repr(screen[-500:])
        if select.select([terminal], [], [], 0.05)[0]: screen += os.read(terminal, 4096).decode(errors='replace')
def type(text): os.write(terminal, text.encode())
heard = lambda text, n=1: open('heard').read().count(text) >= n
open('heard', 'w').close()
type('exec 3>&-; python3 job.py\\n'); look(lambda: heard('ready'))
job = int(open(f'/proc/{pid}/task/{pid}/children').read().split()[0])
subprocess.run([crit, 'dump', '-j', '-t', str(job), '-D', images, '-o', 'dump.log', '-v4'], check=True)
look(lambda: 'Killed' in screen)
type(f'{shlex.quote(crit)} restore -j -D {shlex.quote(images)} -o restore.log -v4; echo "status=$?"\\n')
look(lambda: os.path.exists(f'/proc/{job}/stat') and 'resumed' in open(images + '/restore.log').read())
type('hello\\n'); look(lambda: heard('read hello'))
type('\\x03'); look(lambda: heard('interrupted'))
type('again\\n'); look(lambda: heard('read again'))
type('end\\n'); look(lambda: re.search(r'status=\\d', screen))
print(re.search(r'status=(\\d+)', screen).group(1))
type('exit\\n'); os.waitpid(pid, 0)
`;

test('a shell job comes back into the foreground: it reads, takes ^C, and crit stays until it ends', async () => {
  await using subject = new Subject('sleep', ['1000']); // for its directory
  writeFileSync(path.join(subject.dir, 'job.py'), JOB);
  const { status, stdout, stderr } = spawnSync('python3', ['-c', TYPIST, CRIT, subject.images], {
    cwd: subject.dir,
    encoding: 'utf8',
    timeout: 120_000,
  });
  assert.equal(status, 0, stderr);
  assert.equal(stdout.trim(), '0');
  subject.passed();
});

for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const)
  test(`a restore in the foreground outlives ${signal}: it ends when the tasks have ended`, async () => {
    await using subject = new Subject('python3', [
      '-u',
      '-c',
      'import time\nwhile True:\n print(1)\n time.sleep(0.01)',
    ]);
    await subject.saysMore();
    await subject.dump();
    const waiting = spawn(CRIT, ['restore', '-D', subject.images, '-o', 'restore.log', '-v4'], { stdio: 'ignore' });
    const ended = new Promise<number | null>((resolve) => waiting.once('exit', resolve));
    await subject.saysMore();
    await sleep(200);
    waiting.kill(signal);
    await sleep(200);
    assert.ok(existsSync(`/proc/${waiting.pid}/exe`), 'crit waits');
    await subject.saysMore();
    assert.match(readFileSync(path.join(subject.images, 'restore.log'), 'utf8'), /Tasks resumed/);
    process.kill(subject.pid, 'SIGKILL');
    assert.equal(await ended, 0);
    subject.passed();
  });
