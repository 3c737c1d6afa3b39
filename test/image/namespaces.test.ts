import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import test from 'node:test';
import { readImage, readImageIfPresent } from '../../src/decode/image-reader.js';
import { messageDef } from '../../src/image/message-def.js';
import { NAMESPACES } from '../../src/image/namespaces.js';
import { fixture } from '../project-path.js';

const ROWS = Object.values(NAMESPACES);

test('every namespace id of task_kobj_ids_entry has one row', () => {
  assert.deepEqual(
    ROWS.map(({ field }) => field).sort(),
    [...messageDef('task_kobj_ids_entry').byName.keys()].filter((name) => name.endsWith('_ns_id')).sort(),
  );
});

test('no two namespaces of a host have one number', () => {
  assert.equal(new Set(ROWS.map(({ host }) => host)).size, ROWS.length);
});

test('the ids of the host that CRIU has written are those of the table', () => {
  let sets = 0;
  for (const set of readdirSync(fixture())) {
    const ids = readImageIfPresent(fixture(set), 'INVENTORY')?.entries[0]?.message.root_ids;
    if (!ids) continue;
    sets++;
    for (const { field, host } of ROWS)
      if (ids[field] !== undefined) assert.equal(ids[field], host, `${set}: ${field}`);
  }
  assert.ok(sets > 10);
});

for (const [set, kind] of Object.entries({ ns_pid: 'pid', ns_mnt: 'mnt', ns_net_table: 'net' } as const))
  test(`${set}: only the ${NAMESPACES[kind].name} namespace is not the host's`, () => {
    let tasks = 0;
    for (const { message: task } of readImage(fixture(set), 'PSTREE').entries) {
      const ids = readImageIfPresent(fixture(set), 'IDS', task.pid)?.entries[0]?.message;
      if (!ids) continue; // a zombie
      tasks++;
      const own = Object.entries(NAMESPACES).filter(([, { field, host }]) => ids[field] !== host);
      assert.deepEqual(
        own.map(([kind]) => kind),
        [kind],
      );
    }
    assert.ok(tasks > 0);
  });
