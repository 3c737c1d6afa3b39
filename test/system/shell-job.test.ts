import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { CRIT } from '../programs.js';
import { test } from '../root.js';
import { comes, comesBackTwice, sleeps, Subject } from './round-trip.js';

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
def look(until, seconds=60):
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

/** Shells on terminals of their own. */
const SHELLS = `
import os, pty, re, select, subprocess, sys, termios, time
crit, images, shell = sys.argv[1:]
class Shell:
    def __init__(self, *command):
        self.screen = ''
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.environ['PS1'] = 'PROMPT:'
            os.execvp(command[0], command)
        self.look(lambda: 'PROMPT:' in self.screen)
    def look(self, until, seconds=60):
        end = time.time() + seconds
        while not until():
            assert time.time() < end, 'nothing happens: ' + repr(self.screen[-500:])
            if select.select([self.terminal], [], [], 0.05)[0]:
                try: self.screen += os.read(self.terminal, 4096).decode(errors='replace')
                except OSError: pass
    def type(self, text): os.write(self.terminal, text.encode())
    def says(self, pattern): self.look(lambda: re.search(pattern, self.screen))
    def ask(self, command, pattern):
        self.screen = ''
        self.type(command); self.says(pattern)
    def child(self): return int(open(f'/proc/{self.pid}/task/{self.pid}/children').read().split()[0])
    def raw(self): return not termios.tcgetattr(self.terminal)[3] & (termios.ICANON | termios.ECHO | termios.ISIG)
    def end(self):
        os.kill(self.pid, 9); os.close(self.terminal); os.waitpid(self.pid, 0)
def dump(job):
    subprocess.run([crit, 'dump', '-j', '-t', str(job), '-D', images, '-o', 'dump.log', '-v4'], check=True)
def group(pid): return int(open(f'/proc/{pid}/stat').read().rsplit(')', 1)[1].split()[2])
restore = f'{crit} restore -j -D {images} -o restore.log -v4; echo "status=$?"\\n'
`;

function typed(subject: Subject, script: string, shell: string): void {
  const args = ['-c', SHELLS + script, CRIT, subject.images, shell];
  const { status, stdout, stderr } = spawnSync('python3', args, {
    cwd: subject.dir,
    encoding: 'utf8',
    timeout: 300_000,
  });
  assert.equal(status, 0, stderr);
  assert.equal(stdout.trim(), 'ok');
}

for (const shell of ['bash --norc --noprofile -i', 'dash -i'])
  test(`an interactive ${shell.split(' ')[0]!} comes back on another terminal and runs further commands`, async () => {
    await using subject = new Subject('sleep', ['1000']); // for its directory
    typed(
      subject,
      `
one = Shell('bash', '--norc', '--noprofile')
one.ask(shell + '\\n', 'PROMPT:')
one.ask('X=41\\n', 'PROMPT:')
job = one.child(); was = group(job)
dump(job); one.end()
two = Shell('bash', '--norc', '--noprofile')
two.type(restore)
two.look(lambda: os.path.exists(f'/proc/{job}/stat') and 'resumed' in open(images + '/restore.log').read())
two.ask('echo got$((X+1))\\n', 'got42')
for _ in range(2): two.ask('echo $(ls -d /etc); ls -d /usr\\n', '/etc\\\\s+/usr')
assert group(job) == was, 'another group'
two.ask('exit 5\\n', 'status=5')
two.ask('echo alive$((1+1))\\n', 'alive2')
two.end()
print('ok')
`,
      shell,
    );
    subject.passed();
  });

test('a job in raw mode has its terminal so again; the shell has its own while the job is stopped, and afterwards', async () => {
  await using subject = new Subject('sleep', ['1000']); // for its directory
  writeFileSync(
    path.join(subject.dir, 'raw.py'),
    `
import os, signal, tty
tty.setraw(0)
os.write(1, b'READY')
while True:
    c = os.read(0, 1)
    os.write(1, b'[' + c.hex().encode() + b']')
    if c == b'z': os.kill(os.getpid(), signal.SIGSTOP)
    if c == b'q': os._exit(3)
`,
  );
  typed(
    subject,
    `
one = Shell('bash', '--norc', '--noprofile')
one.ask('python3 raw.py\\n', 'READY')
job = one.child()
dump(job); one.end()
two = Shell('bash', '--norc', '--noprofile')
two.type(restore)
two.look(lambda: os.path.exists(f'/proc/{job}/stat') and 'resumed' in open(images + '/restore.log').read())
two.look(two.raw)
two.ask('a\\x03\\x1a', r'\\[61\\]\\[03\\]\\[1a\\]')
two.ask('z', 'Stopped.*restore')
two.ask('echo back$((1+1))\\n', 'back2')
two.type('fg\\n')
two.look(two.raw)
two.ask('b', r'\\[62\\]')
two.ask('z', 'Stopped.*restore')
two.ask('bg; sleep 1; echo bg$((1+1))\\n', 'bg2')
two.type('fg\\n')
two.look(two.raw)
two.ask('c', r'\\[63\\]')
two.ask('q', 'PROMPT:')
two.ask('echo st=$?; stty -a\\n', '(?s)st=3.*isig icanon iexten echo ')
two.end()
print('ok')
`,
    '',
  );
  subject.passed();
});

test('a job that was stopped comes back stopped, and goes on at fg with the settings that the shell has for it', async () => {
  await using subject = new Subject('sleep', ['1000']); // for its directory
  typed(
    subject,
    `
one = Shell('bash', '--norc', '--noprofile')
one.type('sed -u s/^/=/\\n'); one.ask('first\\n', '=first')
job = one.child()
one.ask('\\x1a', 'Stopped.*sed')
dump(job); one.end()
two = Shell('bash', '--norc', '--noprofile')
two.type(restore)
two.says('Stopped.*restore')
two.type('fg\\n')
two.look(lambda: os.tcgetpgrp(two.terminal) == group(job))
two.ask('second\\n', '(?s)second.*=second')
two.ask('\\x03', 'PROMPT:')
two.end()
print('ok')
`,
    '',
  );
  subject.passed();
});

test('a job whose terminal has hung up comes back so, without a terminal', async () => {
  await using subject = new Subject('python3', [
    '-u',
    '-c',
    `
import os, pty, signal, sys
master, slave = pty.openpty()
other = os.open(os.ttyname(slave), os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
os.close(master)
def look():
    try: got = os.read(slave, 1)
    except OSError as error: got = error.errno
    try: os.write(other, b'x'); put = 'written'
    except OSError as error: put = error.errno
    status = os.fstat(slave)
    # its index may be another's by now
    return got, put, status.st_uid, status.st_gid, os.major(status.st_rdev), os.get_blocking(slave), os.get_blocking(other)
before = look()
def verdict(*_):
    after = look()
    print('ok' if after == before else f'FAIL {after}, was {before}')
    os._exit(0)
signal.signal(signal.SIGUSR1, verdict)
print('ready')
while True: signal.pause()
`,
  ]);
  await comesBackTwice(subject);
});

/** Tells each signal that it gets; SIGTERM ends it with a status. */
const LISTENER = `
import os, signal
def heard(number, _):
    print(signal.Signals(number).name)
    if number == signal.SIGTERM: os._exit(7)
for name in ['HUP', 'INT', 'QUIT', 'USR1', 'USR2', 'TERM']: signal.signal(getattr(signal, 'SIG' + name), heard)
print('ready')
while True: signal.pause()
`;

test('a restore in the foreground passes signals on and ends as the root does', async () => {
  await using subject = new Subject('python3', ['-u', '-c', LISTENER]);
  await subject.says('ready');
  await subject.dump();
  const { child, ended } = inForeground(subject);
  await resumed(subject);
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGTERM'] as const) {
    child.kill(signal);
    await subject.says(signal);
  }
  assert.equal(await ended, 7);
  subject.passed();
});

test('a restore in the foreground ends with 128 and the signal that ended the root', async () => {
  await using subject = new Subject('sleep', ['1000']);
  await sleeps(subject.pid);
  await subject.dump();
  const { child, ended } = inForeground(subject);
  await resumed(subject);
  child.kill('SIGTERM');
  assert.equal(await ended, 128 + 15);
  subject.passed();
});

function inForeground(subject: Subject): { child: ChildProcess; ended: Promise<number | null> } {
  const child = spawn(CRIT, ['restore', '-D', subject.images, '-o', 'restore.log', '-v4'], { stdio: 'ignore' });
  return { child, ended: new Promise((resolve) => child.once('exit', resolve)) };
}

/** Waits until the tree of a restore runs. */
async function resumed(subject: Subject): Promise<void> {
  const log = path.join(subject.images, 'restore.log');
  const isResumed = () => existsSync(log) && readFileSync(log, 'utf8').includes('Tasks resumed');
  assert.ok(await comes(isResumed), 'the tree was not restored');
}
