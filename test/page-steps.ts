import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import os from 'node:os';
import { projectPath } from './project-path.js';

interface Step {
  readonly command: string;
  /** What the page says that it prints; `...` stands for any lines, or the rest of one. */
  readonly output: readonly string[];
  /** The block is marked as one of commands that fail: their exit status is 1. */
  readonly fails: boolean;
}

function stepsOf(text: string): Step[] {
  const steps: { command: string; output: string[]; fails: boolean }[] = [];
  for (const [, mark, block] of text.matchAll(/^(<!-- fails -->\n\n)?```console\n([^]*?)^```$/gm))
    for (const line of block!.trimEnd().split('\n'))
      if (line.startsWith('$ ')) steps.push({ command: line.slice(2), output: [], fails: mark !== undefined });
      else steps.at(-1)!.output.push(line);
  return steps;
}

/** Numbers, names of temporary directories and widths of columns differ from run to run. */
const comparable = (text: string): string =>
  text
    .replaceAll(/\/[^\s:]*(?=\/(?:counter|out)\.log)|(?<=cwd: )\S+/g, 'DIR')
    .replaceAll(/\d+/g, 'N')
    .replaceAll(/[ \t]+/g, ' ');

function pattern(output: readonly string[]): RegExp {
  const text = comparable(output.map((line) => `${line}\n`).join(''));
  const escaped = text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll(/^\\.\\.\\.\n/gm, '(?:.*\n)*?').replaceAll('\\.\\.\\.', '.*')}$`);
}

/** What the tests were started with must not be in the listing of descriptors. */
const CLOSE_INHERITED = 'for fd in /proc/$$/fd/*; do fd=${fd##*/}; [ "$fd" -le 2 ] || eval "exec $fd>&-"; done';
const END = '--- end of a command ---';

/** Runs the commands of a page, one after another in one shell, and compares what they print with what the page says. */
export function checkPage(page: string, dir: string): void {
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
  for (const [i, { command, output, fails }] of steps.entries()) {
    const [, printed, status] = /^([^]*?)(\d+) $/.exec(results[i] ?? '') ?? [];
    assert.equal(status, fails ? '1' : '0', `${command}\n${stdout}`);
    // a shell that is not interactive tells of the end of its jobs
    const said = printed!.replaceAll(/^bash: line.*\n/gm, '');
    assert.match(comparable(said), pattern(output), command);
  }
  assert.equal(results.length, steps.length);
}
