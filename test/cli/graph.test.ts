import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { it } from 'node:test';
import { fixture } from '../project-path.js';
import { crit } from './run-crit.js';

it('crit graph: two processes with one pipe are tied by it', () => {
  const { nodes, edges } = JSON.parse(crit(['graph', fixture('pipes'), '--json']).stdout.toString()) as {
    nodes: { id: string; kind: string }[];
    edges: { from: string; to: string; label: string }[];
  };
  assert.ok(nodes.some(({ kind }) => kind === 'pipe'));
  const ids = new Set(nodes.map(({ id }) => id));
  for (const { from, to } of edges) assert.ok(ids.has(from) && ids.has(to), `${from} ${to}`);
  assert.equal(edges.filter(({ label }) => label === 'child').length, 1);
});

for (const set of readdirSync(fixture()))
  it(`crit graph ${set}: dot in which everything is quoted`, () => {
    const text = crit(['graph', fixture(set)]).stdout.toString();
    const quoted = '"(?:[^"\\\\]|\\\\.)*"';
    const attributes = `\\[\\w+=${quoted}(?:, \\w+=${quoted})*\\]`;
    for (const line of text.split('\n').slice(2, -2))
      assert.match(line, new RegExp(`^  ${quoted}(?: -> ${quoted})? ${attributes};$`));
  });
