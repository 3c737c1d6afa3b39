/* eslint-disable no-control-regex -- escape sequences are what is looked for */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { fitColumns } from '../../src/cli/table.js';
import { fixture, projectPath } from '../project-path.js';

const hasScript = spawnSync('script', ['--version']).status === 0;

/** Runs crit on a terminal of its own. */
function onTerminal(args: string, env: NodeJS.ProcessEnv = {}): string {
  const { stdout } = spawnSync('script', ['-qec', `'${projectPath('bin/crit')}' ${args}`, '/dev/null'], {
    cwd: fixture('tcp_est'),
    env: { PATH: process.env['PATH'], TERM: 'xterm-256color', ...env },
    encoding: 'utf8',
    input: '',
  });
  return stdout.replaceAll('\r\n', '\n');
}

/** Runs crit on a terminal of so many columns. @returns what it prints, without colour */
function onColumns(columns: number, ...args: string[]): string {
  const python = `
import fcntl, os, pty, struct, sys, termios
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', 24, int(sys.argv[1]), 0, 0))
    os.execv(sys.argv[2], sys.argv[2:])
while True:
    try: piece = os.read(terminal, 65536)
    except OSError: break
    if not piece: break
    os.write(1, piece)
os.waitpid(pid, 0)
`;
  const { stdout } = spawnSync('python3', ['-c', python, String(columns), projectPath('bin/crit'), ...args], {
    cwd: fixture('tcp_est'),
    env: { PATH: process.env['PATH'], TERM: 'xterm', NO_COLOR: '1' },
    encoding: 'utf8',
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
  return stdout.replaceAll('\r\n', '\n');
}

describe('a narrow terminal', () => {
  const words = (text: string): string => text.replace(/\s+/g, '');
  for (const args of [
    ['x', '.', 'mems'],
    ['x', '.', 'rss'],
    ['check'],
    ['show', '.'],
    ['--help'],
    ['dump', '--help'],
    ['x', '--help'],
  ])
    it(`crit ${args.join(' ')} fits it, and loses nothing`, () => {
      const text = onColumns(80, ...args);
      assert.ok(text.length > 100);
      for (const line of text.split('\n')) assert.ok(line.length <= 80, line);
      const letters = (all: string): string => Array.from(words(all)).sort().join('');
      assert.equal(letters(text), letters(onColumns(300, ...args)));
    });

  it('a table gives up width where it has most', () => {
    assert.deepEqual(fitColumns([5, 40, 30], 60), [5, 25, 25]);
    assert.deepEqual(fitColumns([5, 40, 30], 200), [5, 40, 30]);
    assert.deepEqual(fitColumns([50, 50], 10), [50, 50], 'never');
  });
});

describe('on a terminal', { skip: hasScript ? false : 'needs script(1)' }, () => {
  for (const view of ['ps', 'fds', 'mems', 'rss', 'sk']) {
    it(`x ${view} is a table with colour`, () => {
      const text = onTerminal(`x . ${view}`);
      assert.match(text, /\u001b\[36m/);
      assert.ok(text.split('\n').length > 2);
    });
  }

  it('show DIR is a table with colour', () => assert.match(onTerminal('show .'), /\u001b\[1mIMAGE\u001b\[22m/));

  it('NO_COLOR is heard', () => {
    const text = onTerminal('x . ps', { NO_COLOR: '1' });
    assert.doesNotMatch(text, /\u001b\[/);
    assert.match(text, /PID +PPID +PGID +SID +THREADS +STATE +COMM/);
  });

  it('encode does not throw bytes at a terminal', () => {
    assert.match(onTerminal('encode -i /dev/null'), /^crit: encode: an image is no text for a terminal/);
  });

  it('decode does not wait for a person to type an image', () => {
    assert.match(onTerminal('decode'), /^crit: decode: no image: name one with -i, or pipe one in/);
  });
});
