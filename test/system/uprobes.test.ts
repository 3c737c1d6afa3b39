import assert from 'node:assert/strict';
import { test } from '../root.js';
import { crit } from './round-trip.js';
import { Workload } from './workload.js';

test('uprobes that were hit are refused without --allow-uprobes, and so is a restore without it', async (t) => {
  await using workload = await Workload.start('uprobes');
  if (workload.obstacle !== undefined) t.skip(`cannot be set up here: ${workload.obstacle}`);
  else {
    const refused = crit('dump', '-t', String(workload.pid), '-D', workload.images);
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /mapping .* \[uprobes\]: uprobes were hit here: use --allow-uprobes/);
    await workload.dump();
    for (const how of ['--dry-run', '-d']) {
      const { status, stdout, stderr } = crit('restore', how, '-D', workload.images);
      assert.equal(status, 1);
      assert.match(stdout + stderr, /restore where the same probes are, with --allow-uprobes/);
    }
  }
  workload.passed();
});
