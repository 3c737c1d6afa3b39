import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { projectPath } from '../project-path.js';

/** What is between two texts. */
function between(text: string, begin: string, end: string): string {
  const from = text.indexOf(begin);
  assert.ok(from >= 0, `no "${begin}"`);
  return text.slice(from, text.indexOf(end, from + begin.length));
}

test('docs/architecture.md lists the hooks of a resource in their order', () => {
  const source = readFileSync(projectPath('src/dump/resource.ts'), 'utf8');
  const hooks = [...between(source, 'export interface Resource', '\n}').matchAll(/^ {2}(\w+)\?\(/gm)].map((m) => m[1]);
  const docs = readFileSync(projectPath('docs/architecture.md'), 'utf8');
  const listed = [...between(docs, '## The order of a dump', '\n## ').matchAll(/^\| `(\w+)`/gm)].map((m) => m[1]);
  assert.ok(hooks.length > 5, 'the source is read wrongly');
  assert.deepEqual(listed, hooks);
});
