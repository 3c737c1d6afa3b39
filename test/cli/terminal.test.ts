/* eslint-disable no-control-regex -- escape sequences are what is looked for */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
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
