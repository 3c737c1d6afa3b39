import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseCgroupProps } from '../../../src/cli/criu/cgroup-values.js';

describe('the properties of control groups (--cgroup-props)', () => {
  const spec = `"cpu":
 - "strategy": "merge"
 - "properties": ["cpu.one", "cpu.two"]
"memory":
 - "strategy": "replace"
 - "properties": [ "memory.limit_in_bytes" ]`;

  it("are read in CRIU's form", () => {
    assert.deepEqual(
      [...parseCgroupProps(spec, 'here')],
      [
        ['cpu', { replace: false, files: ['cpu.one', 'cpu.two'] }],
        ['memory', { replace: true, files: ['memory.limit_in_bytes'] }],
      ],
    );
    assert.deepEqual([...parseCgroupProps('  \n', 'here')], []);
    // as criu(8) writes it: one space before the second one
    assert.equal(parseCgroupProps(spec.replace('"memory"', ' "memory"'), 'here').size, 2);
    assert.deepEqual(parseCgroupProps('"pids":\n - "strategy": "replace"\n - "properties": []\n', 'x').get('pids'), {
      replace: true,
      files: [],
    });
  });

  it('are refused at the line that is wrong', () => {
    assert.throws(() => parseCgroupProps(spec.replace('replace', 'exchange'), 'a file'), /a file: line 4 /);
    assert.throws(() => parseCgroupProps('cpu:', 'a file'), /a file: line 1 /);
  });

  it('are files of a group, not programs that the kernel runs, nor files elsewhere', () => {
    for (const name of ['../x', 'a/b', '.x', 'release_agent'])
      assert.throws(() => parseCgroupProps(spec.replace('cpu.one', name), 'here'), /cannot be a property/);
  });
});
