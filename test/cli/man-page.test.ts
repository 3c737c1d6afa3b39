import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { allCommands } from '../../src/cli/commands.js';
import { commandsOf, CRIU_COMMAND_TEXTS } from '../../src/cli/criu/criu-commands.js';
import { OPTIONS } from '../../src/cli/criu/option-table.js';
import { manPage } from '../../src/cli/man-page.js';
import { projectPath } from '../project-path.js';

const { version, man } = JSON.parse(readFileSync(projectPath('package.json'), 'utf8')) as {
  version: string;
  man: string;
};

describe('the manual page crit(1)', () => {
  const page = readFileSync(projectPath(man), 'utf8');

  it('is what the tables say', async () => {
    assert.equal(page, manPage(await allCommands(), version));
  });

  it('has every command and option', async () => {
    const text = page.replaceAll('\\-', '-');
    for (const { name } of [...CRIU_COMMAND_TEXTS, ...(await allCommands())])
      assert.match(text, new RegExp(`^\\.B ${name}\\b`, 'm'));
    for (const { name } of OPTIONS) assert.match(text, new RegExp(`--(\\[no-\\])?${name}\\b`));
  });

  it('is sound to groff', (t) => {
    const { error, status, stderr } = spawnSync('groff', ['-man', '-Tutf8', '-ww', '-z', projectPath(man)], {
      encoding: 'utf8',
    });
    if (error) t.skip('no groff here');
    else assert.deepEqual([status, stderr], [0, '']);
  });
});

it('every option that works belongs to a command', () => {
  for (const option of OPTIONS.filter(({ support }) => support === 'yes'))
    assert.ok(commandsOf(option).length > 0, option.name);
  const of = (name: string): readonly string[] => commandsOf(OPTIONS.find((option) => option.name === name)!);
  assert.deepEqual(of('tree'), ['dump']);
  assert.deepEqual(of('exec-cmd'), ['restore']);
  assert.deepEqual(of('feature'), ['check']);
  assert.deepEqual(of('images-dir'), ['dump', 'restore', 'cpuinfo']);
  assert.deepEqual(of('help'), ['dump', 'restore', 'check', 'cpuinfo']);
});
