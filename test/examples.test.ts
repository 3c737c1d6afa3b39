import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { after } from 'node:test';
import { PROJECT, projectPath } from './project-path.js';
import { NEEDS_ROOT } from './root.js';

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

/** Code in a page of documentation, and its language. */
const blocksIn = (page: string): string[] => [...page.matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, code]) => code!);

interface Example {
  readonly of: string;
  readonly code: string;
}

/** The others show functions that are not the library's, or need a process to work on. */
const isLibrarys = ({ code }: Example): boolean => code.includes("from 'crit-checkpoint'");

const sources = readdirSync(projectPath('src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.includes('generated'))
  .sort();
const examples: readonly Example[] = [
  ...sources.flatMap((name) =>
    examplesIn(readFileSync(projectPath('src', name), 'utf8')).map((code, i) => ({ of: `src/${name} ${i + 1}`, code })),
  ),
  ...blocksIn(readFileSync(projectPath('docs/library.md'), 'utf8')).map((code, i) => ({
    of: `docs/library.md ${i + 1}`,
    code,
  })),
].filter(isLibrarys);

mkdirSync(directory, { recursive: true });
after(() => rmSync(directory, { recursive: true, force: true }));
const fileOf = ({ of }: Example): string => path.join(directory, `${of.replaceAll(/[^\w]+/g, '-')}.mts`);
for (const example of examples) writeFileSync(fileOf(example), example.code);

test('the examples compile as those of a strict program', () => {
  const { status, stdout } = spawnSync(
    process.execPath,
    [
      projectPath('node_modules/typescript/bin/tsc'),
      ...[
        '--ignoreConfig',
        '--strict',
        '--noUncheckedIndexedAccess',
        '--skipLibCheck',
        '--module',
        'node20',
        '--types',
        'node',
      ],
      ...['--rootDir', PROJECT, ...examples.map(fileOf)],
    ],
    { cwd: PROJECT, encoding: 'utf8' },
  );
  assert.equal(stdout, '');
  assert.equal(status, 0);
});

for (const example of examples) {
  const needsRoot = /\bdump\(|\bcheck\(/.test(example.code) && NEEDS_ROOT;
  test(`the example of ${example.of} runs`, { skip: needsRoot }, () => {
    const file = fileOf(example).replace(/\.mts$/, '.mjs');
    const { status, stderr } = spawnSync(process.execPath, [file], { cwd: PROJECT, encoding: 'utf8' });
    // A console.assert that fails only writes.
    assert.equal(stderr, '', example.code);
    assert.equal(status, 0);
  });
}
