import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { Cgroups } from '../../src/dump/cgroups.js';
import { CGROUP_DEFAULTS } from '../../src/image/cgroup-mode.js';
import type { DumpContext } from '../../src/dump/context.js';
import type { TreeView } from '../../src/dump/resource.js';
import { test } from '../root.js';

test('reading the control groups of threads leaves no descriptor open', () => {
  const open = () => readdirSync('/proc/self/fd').length;
  const before = open();
  const { pid } = process;
  const alive = [{ pid, threads: Array.from({ length: 20 }, () => ({ tid: pid })) }];
  const cgroups = new Cgroups({ options: { cgroups: CGROUP_DEFAULTS }, running: false } as unknown as DumpContext);
  cgroups.check({ alive } as unknown as TreeView);
  assert.notDeepEqual(cgroups.of(pid), {});
  assert.equal(open(), before);
});
