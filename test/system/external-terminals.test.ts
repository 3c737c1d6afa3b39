import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { CRIT } from '../programs.js';
import { test } from '../root.js';
import { Subject } from './round-trip.js';

// --external tty[RDEV:DEV]: a tree on a terminal that somebody else holds goes on on another one.

/** Holds terminals for trees: what they say is looked for, what is typed goes to them. */
const HOLDER = `
import fcntl, os, pty, re, select, struct, subprocess, sys, termios, time
crit, images = sys.argv[1:]
class Terminal:
    def __init__(self):
        self.master, self.slave = pty.openpty()
        self.screen = ''
        status = os.fstat(self.slave)
        self.key = 'tty[%x:%x]' % (status.st_rdev, status.st_dev)
    def look(self, until):
        end = time.time() + 60
        while not until():
            assert time.time() < end, 'nothing happens: ' + repr(self.screen[-500:])
            if select.select([self.master], [], [], 0.02)[0]: self.screen += os.read(self.master, 4096).decode(errors='replace')
    def ask(self, typed, pattern):
        self.screen = ''
        os.write(self.master, typed.encode())
        self.look(lambda: re.search(pattern, self.screen))
    def start(self, *command):
        return subprocess.Popen(['setsid', '--ctty', *command], stdin=self.slave, stdout=self.slave, stderr=self.slave, env={**os.environ, 'PS1': 'PROMPT:'})
    def size(self, *size): fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack('4H', *size, 0, 0))
def run(*args, **more):
    return subprocess.run([crit, *args, '-D', images, '-v4'], capture_output=True, encoding='utf8', **more)
def dump(pid, *args):
    done = run('dump', '-t', str(pid), '-o', 'dump.log', *args)
    assert done.returncode == 0, done.stderr
def restore(*args, fds=()):
    return run('restore', '-d', '-S', '-o', 'restore.log', *args, pass_fds=fds)
`;

function held(subject: Subject, script: string): void {
  const { status, stdout, stderr } = spawnSync('python3', ['-c', HOLDER + script, CRIT, subject.images], {
    cwd: subject.dir,
    encoding: 'utf8',
    timeout: 120_000,
  });
  assert.equal(status, 0, stderr);
  assert.equal(stdout.trim(), 'ok');
  subject.passed();
}

test('a shell goes on on the terminal that it is given: session, jobs, settings, size', async () => {
  await using subject = new Subject('sleep', ['1000']); // for its directory
  held(
    subject,
    `
one = Terminal()
one.size(33, 99)
shell = one.start('bash', '--norc', '--noprofile', '-i')
one.ask('', 'PROMPT:')
one.ask('exec 5<>/dev/tty; X=41; stty susp ^Y\\n', 'PROMPT:$')
one.ask('cat\\n', 'cat')
one.ask('one\\n', r'one\\s+one')
refused = run('dump', '-t', str(shell.pid), '-o', 'dump.log')
assert refused.returncode == 1 and f"--external '{one.key}'" in refused.stderr, refused.stderr
dump(shell.pid, '--external', one.key); shell.wait()
two = Terminal()
assert os.ttyname(two.slave) != os.ttyname(one.slave)
refused = restore()
assert refused.returncode == 1 and f"--inherit-fd 'fd[N]:{one.key}'" in refused.stderr, refused.stderr
settings = termios.tcgetattr(two.slave)
file = os.open('images', os.O_RDONLY)
refused = restore('--inherit-fd', f'fd[{file}]:{one.key}', fds=[file])
assert refused.returncode == 1 and 'is no terminal' in refused.stderr, refused.stderr
os.close(one.master); os.close(one.slave)
done = restore('--inherit-fd', f'fd[{two.slave}]:{one.key}', fds=[two.slave])
assert done.returncode == 0, done.stderr
two.ask('two\\n', r'two\\s+two')
two.ask('\\x19', r'Stopped[^$]*PROMPT:')
two.ask('echo got$((X+1)) >&5; stty size\\n', r'got42\\s+33 99\\s[^$]*PROMPT:')
two.ask('tty; fg\\n', os.ttyname(two.slave) + r'\\s+cat')
two.ask('three\\n', r'three\\s+three')
two.ask('\\x03', 'PROMPT:')
two.size(20, 50)
two.ask('stty size\\n', r'20 50\\s[^$]*PROMPT:')
# whoever holds it lets go: the session hears of it
os.close(two.slave); os.close(two.master)
_, status = os.waitpid(shell.pid, 0)
assert os.WTERMSIG(status) == 1, status
print('ok')
`,
  );
});

test('a restore that fails leaves a given terminal as it was', async () => {
  await using subject = new Subject('sleep', ['1000']); // for its directory
  held(
    subject,
    `
one = Terminal()
one.size(33, 99)
tree = one.start('sleep', '1000')
one.look(lambda: open(f'/proc/{tree.pid}/cmdline').read().startswith('sleep'))
dump(tree.pid, '--external', one.key); tree.wait()
two = Terminal()
two.size(20, 50)
look = lambda: (termios.tcgetattr(two.slave), fcntl.ioctl(two.slave, termios.TIOCGWINSZ, bytes(8)))
before = look()
# it is another session's already
other = two.start('sleep', '1000')
two.look(lambda: open(f'/proc/{other.pid}/cmdline').read().startswith('sleep'))
done = restore('--inherit-fd', f'fd[{two.slave}]:{one.key}', fds=[two.slave])
assert done.returncode == 1 and 'as controlling terminal' in done.stderr, done
assert look() == before
other.kill(); other.wait()
print('ok')
`,
  );
});
