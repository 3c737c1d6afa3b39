import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import test from 'node:test';
import { readImage } from '../../src/decode/image-reader.js';
import { typeOfFileName } from '../../src/image/catalogue.js';
import { hasEnded, TASK, taskStateName } from '../../src/image/task-state.js';
import { fixture } from '../project-path.js';

test('every state has a name, others have none', () => {
  assert.deepEqual(Object.values(TASK).map(taskStateName), ['alive', 'dead', 'stopped', 'zombie']);
  assert.equal(taskStateName(4), undefined);
});

test('a zombie has ended, and what CRIU calls dead', () => {
  assert.deepEqual(Object.values(TASK).filter(hasEnded), [TASK.DEAD, TASK.ZOMBIE]);
  assert.equal(hasEnded(undefined), false);
});

test('every task of the image sets is in a state of the table, and has memory unless it has ended', () => {
  const seen = new Set<number>();
  for (const set of readdirSync(fixture())) {
    const names = readdirSync(fixture(set));
    for (const found of names.map(typeOfFileName)) {
      if (found?.type !== 'CORE') continue;
      const state = readImage(fixture(set), 'CORE', found.id).entries[0]?.message.tc?.task_state;
      if (state === undefined) continue; // of a thread
      assert.notEqual(taskStateName(state), undefined, `${set}: core-${found.id}.img`);
      seen.add(state);
      assert.equal(names.includes(`mm-${found.id}.img`), !hasEnded(state), `${set}: core-${found.id}.img`);
    }
  }
  assert.deepEqual([...seen].sort(), [TASK.ALIVE, TASK.DEAD, TASK.STOPPED]);
});
