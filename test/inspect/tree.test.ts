import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { taskTree, type TaskNode } from '../../src/inspect/tree.js';
import { imageSet } from './entries.js';

const task = (pid: number, ppid: number): object => ({ pid, ppid, pgid: 1, sid: 1, threads: [pid] });
const core = (comm: string, task_state = 1): object[] => [{ tc: { comm, task_state } }];
const shape = (nodes: readonly TaskNode[]): unknown[] =>
  nodes.map(({ pid, children }) => (children.length > 0 ? [pid, shape(children)] : pid));

describe('taskTree', () => {
  it('hangs children below their parents in image order', () => {
    const tree = taskTree(
      imageSet({
        'pstree.img': [task(1, 0), task(2, 1), task(3, 2), task(4, 1)],
        'core-1.img': core('init'),
        'core-3.img': core('dead', 6),
      }),
    );
    assert.deepEqual(shape(tree), [[1, [[2, [3]], 4]]]);
    assert.equal(tree[0]?.comm, 'init');
    assert.equal(tree[0].children[0]?.comm, undefined);
    assert.equal(tree[0].children[0]?.children[0]?.state, 'zombie');
  });

  it('shows every task once, also those without a parent and those in a ring', () => {
    const tree = taskTree(imageSet({ 'pstree.img': [task(1, 0), task(5, 99), task(7, 8), task(8, 7), task(9, 9)] }));
    assert.deepEqual(shape(tree), [1, 5, 9, [7, [8]]]);
  });

  it('cannot be had without pstree.img', () => {
    assert.throws(() => taskTree(imageSet({})), /pstree\.img: is not there/);
  });
});
