import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { projectPath } from './project-path.js';
import { test } from './root.js';

const page = readFileSync(projectPath('docs/tutorial.md'), 'utf8');

interface Step {
  readonly command: string;
  /** What the page says that it prints; `...` stands for any lines, or the rest of one. */
  readonly output: readonly string[];
}

function stepsOf(text: string): Step[] {
  const steps: { command: string; output: string[] }[] = [];
  for (const [, block] of text.matchAll(/^```console\n([^]*?)^```$/gm))
    for (const line of block!.trimEnd().split('\n'))
      if (line.startsWith('$ ')) steps.push({ command: line.slice(2), output: [] });
      else steps.at(-1)!.output.push(line);
  return steps;
}

/** Numbers, names of temporary directories and widths of columns differ from run to run. */
const comparable = (text: string): string =>
  text
    .replaceAll(/\/[^\s:]*(?=\/counter\.log)|(?<=cwd: )\S+/g, 'DIR')
    .replaceAll(/\d+/g, 'N')
    .replaceAll(/[ \t]+/g, ' ');

function pattern(output: readonly string[]): RegExp {
  const text = comparable(output.map((line) => `${line}\n`).join(''));
  const escaped = text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll(/^\\.\\.\\.\n/gm, '(?:.*\n)*?').replaceAll('\\.\\.\\.', '.*')}$`);
}

/** What the tests were started with must not be in the listing of descriptors. */
const CLOSE_INHERITED = 'for fd in /proc/$$/fd/*; do fd=${fd##*/}; [ "$fd" -le 2 ] || eval "exec $fd>&-"; done';

test('every command of the tutorial does what the page says', (t) => {
  if (spawnSync('python3', ['-V']).status !== 0) {
    t.skip('there is no python3');
    return;
  }
  const dir = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'crit-tutorial-')));
  const END = '--- end of a command ---';
  try {
    writeFileSync(path.join(dir, 'counter.py'), /^```python\n([^]*?)^```$/m.exec(page)![1]!);
    const steps = stepsOf(page);
    const script = steps.map(({ command }) => `${command}\necho "$? ${END}"\n`).join('');
    const { stdout } = spawnSync('bash', ['-c', `exec 2>&1\n${CLOSE_INHERITED}\n${script}`], {
      cwd: dir,
      env: { PATH: `${projectPath('bin')}:${process.env['PATH']}`, HOME: os.homedir() },
      stdio: ['ignore', 'pipe', 'ignore'],
      encoding: 'utf8',
      timeout: 300_000,
    });
    const results = stdout.split(`${END}\n`).slice(0, -1);
    for (const [i, { command, output }] of steps.entries()) {
      const [, printed, status] = /^([^]*?)(\d+) $/.exec(results[i] ?? '') ?? [];
      assert.equal(status, '0', `${command}\n${stdout}`);
      // a shell that is not interactive tells of the end of its jobs
      const said = printed!.replaceAll(/^bash: line.*\n/gm, '');
      assert.match(comparable(said), pattern(output), command);
    }
    assert.equal(results.length, steps.length);
  } finally {
    const pidfile = path.join(dir, 'counter.pid');
    const pid = existsSync(pidfile) ? Number(readFileSync(pidfile, 'utf8')) : 0;
    try {
      if (pid > 0 && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('counter.py')) process.kill(pid, 'SIGKILL');
    } catch {
      // it is gone already
    }
    rmSync(dir, { recursive: true, force: true });
  }
});
