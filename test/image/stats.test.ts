import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Stats } from '../../src/image/stats.js';

describe('the statistics', () => {
  it('add up what phases of one name took, in microseconds', () => {
    const ended: string[] = [];
    const stats = new Stats({ ended: (name, micros) => ended.push(`${name} ${String(micros >= 0)}`) });
    const phase = stats.phase('memdump_time');
    const until = performance.now() + 5;
    while (performance.now() < until);
    phase.end();
    phase.end();
    const first = stats.micros('memdump_time');
    assert.ok(first >= 4900 && first < 1e6, String(first));
    stats.phase('memdump_time').end();
    assert.ok(stats.micros('memdump_time') >= first);
    assert.deepEqual(ended, ['memdump_time true', 'memdump_time true']);
    assert.equal(stats.dumpEntry().dump?.memdump_time, stats.micros('memdump_time'));
  });

  it('become the messages of stats-dump and stats-restore', () => {
    const stats = new Stats();
    stats.add('pages_written', 2);
    stats.add('pages_written', 3);
    stats.add('pages_restored', 7);
    assert.equal(stats.dumpEntry().dump?.pages_written, 5n);
    assert.equal(stats.restoreEntry().restore?.pages_restored, 7n);
  });

  it('are where a run is given up', () => {
    const stats = new Stats({
      checkpoint: () => {
        throw new Error('enough');
      },
    });
    assert.throws(() => stats.progress('pages', 1, 2), /enough/);
    assert.throws(() => stats.checkpoint(), /enough/);
    // not here: what a phase times may have to be taken back first
    stats.phase('frozen_time').end();
  });
});
