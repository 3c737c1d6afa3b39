import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import test from 'node:test';
import { ERROR_CODES } from '../../src/image/error-codes.js';
import { systemWords, whyFailed } from '../../src/image/system-words.js';
import { projectPath } from '../project-path.js';

const sources = readdirSync(projectPath('src'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.includes('generated') && !file.endsWith('error-codes.ts'))
  .map((file) => ({ file, text: readFileSync(projectPath(`src/${file}`), 'utf8') }));

test('docs/errors.md says of every code what it means and what to do, in order', () => {
  const rows = [
    ...readFileSync(projectPath('docs/errors.md'), 'utf8').matchAll(/^\| `([A-Z_]+)`\s+\| (.*?)\s*\| (.*?)\s*\|$/gm),
  ];
  assert.deepEqual(
    rows.map((row) => row[1]),
    [...ERROR_CODES],
  );
  for (const [, code, what, cure] of rows) assert.ok(what!.length > 8 && cure!.length > 6, code);
});

test('the codes are sorted, and each is used', () => {
  assert.deepEqual([...ERROR_CODES], [...ERROR_CODES].sort());
  for (const code of ERROR_CODES)
    assert.ok(
      sources.some(({ text }) => text.includes(`'${code}'`)),
      code,
    );
});

test('messages have words, not names of errno', () => {
  for (const { file, text } of sources)
    assert.doesNotMatch(text, /errno \$\{|errnoCode\([^)]*\)\}|\$\{(String\()?(error\.)?code\)?\}/, file);
  assert.equal(systemWords('ENOENT'), 'no such file or directory');
  assert.equal(whyFailed(Object.assign(new Error('x'), { code: 'EROFS' })), 'the file system is read-only');
  assert.equal(whyFailed(new Error('a sentence')), 'a sentence');
});
