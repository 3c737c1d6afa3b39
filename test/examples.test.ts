import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { PROJECT, projectPath } from './project-path.js';

/** The examples in the docstrings of a source file: lines from `@example` to the next tag or the end of the comment. */
function examplesIn(source: string): string[] {
  const examples: string[] = [];
  for (const [comment] of source.matchAll(/\/\*\*[\s\S]*?\*\//g)) {
    for (const part of comment.split(/^\s*\*\s*@/m).slice(1)) {
      if (!part.startsWith('example')) continue;
      examples.push(
        part
          .replace(/^example.*\n?/, '')
          .replace(/\*\/\s*$/, '')
          .replace(/^\s*\* ?/gm, ''),
      );
    }
  }
  return examples;
}

// Inside the package, so that its name leads to it.
const directory = projectPath('dist/test-examples');

for (const name of readdirSync(projectPath('src'), { recursive: true, encoding: 'utf8' }).sort()) {
  if (!name.endsWith('.ts') || name.includes('generated')) continue;
  examplesIn(readFileSync(projectPath('src', name), 'utf8')).forEach((example, i) => {
    // The others show functions that are not the library's, or need a process to work on.
    if (!example.includes("from 'crit-checkpoint'")) return;
    test(`example ${i + 1} of src/${name} runs`, () => {
      mkdirSync(directory, { recursive: true });
      const file = path.join(directory, `${name.replaceAll(path.sep, '-')}-${i + 1}.mjs`);
      writeFileSync(file, example);
      const { status, stderr } = spawnSync(process.execPath, [file], { cwd: PROJECT, encoding: 'utf8' });
      // A console.assert that fails only writes.
      assert.equal(stderr, '', example);
      assert.equal(status, 0);
      rmSync(file);
    });
  });
}
