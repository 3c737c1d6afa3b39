import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { act, stageLines, type Part } from '../../src/restore/part.js';
import { ROUNDS, STAGES } from '../../src/restore/stages.js';
import { projectPath } from '../project-path.js';

test('the order of a restore', () => {
  assert.deepEqual(
    STAGES.map(({ name, by }) => `${name} ${by}`),
    [
      'outside crit',
      'root root',
      'open root',
      'fill crit',
      'filled root',
      'birth birth',
      'session session',
      'born root',
      'table task',
      'numbers table',
      'live root',
      'task task',
      'close table',
      'thread thread',
      'closed table',
      'leader task',
      'whole crit',
      'running crit',
    ],
  );
});

test('rounds are the stages in their order, those done together side by side', () => {
  assert.deepEqual(ROUNDS.flat(), [...STAGES]);
  assert.ok(ROUNDS.some((round) => round.length > 1));
  // births and sessions take turns; what all do once cannot share a batch
  const births = ROUNDS.find((round) => round.some(({ by }) => by === 'birth'));
  assert.deepEqual(
    births?.map(({ name }) => name),
    ['birth', 'session'],
  );
  for (const round of ROUNDS)
    if (round.length > 1 && round !== births)
      for (const { name, by } of round) assert.ok(by !== 'crit' && by !== 'birth', name);
});

test('parts act in their order, only at their stages', () => {
  const done: string[] = [];
  const part = (name: string, at: Part['at']): Part => ({ name, at });
  const parts = [
    part('a', { fill: () => done.push('a') }),
    part('b', { whole: () => done.push('never') }),
    part('c', { fill: () => done.push('c') }),
  ];
  act(parts, STAGES[3], undefined);
  assert.deepEqual(done, ['a', 'c']);
  assert.equal(stageLines(parts)[3], 'stage fill (crit): a, c');
  assert.equal(stageLines(parts)[0], 'stage outside (crit): nothing');
});

test('docs/architecture.md lists the stages in their order', () => {
  const text = readFileSync(projectPath('docs/architecture.md'), 'utf8').split('## The order of a restore')[1]!;
  const names = [...text.matchAll(/^\| `(\w+)` +\|/gm)].map((row) => row[1]);
  assert.deepEqual(
    names,
    STAGES.map(({ name }) => name),
  );
});
