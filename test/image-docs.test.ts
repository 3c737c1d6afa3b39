import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { projectPath } from './project-path.js';

describe('docs/images.md', () => {
  it('is what the catalogue says', () => {
    const { status, stderr } = spawnSync(process.execPath, ['scripts/gen-images-doc.mjs', '--check'], {
      cwd: projectPath(),
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
  });
});

describe('docs/cli.md', () => {
  it('names every option of every command', async () => {
    const { allCommands } = await import('../src/cli/commands.js');
    const text = readFileSync(projectPath('docs/cli.md'), 'utf8');
    for (const command of await allCommands()) {
      assert.ok(text.includes(`crit ${command.name}`), command.name);
      for (const { name, alias } of command.options) {
        assert.ok(text.includes(alias === undefined ? `--${name}` : `-${alias}`), `${command.name} --${name}`);
      }
    }
  });
});
