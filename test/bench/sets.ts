import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { makeManyTasks } from '../inspect/many-tasks-set.js';
import { compare, CRIT, TABLE_HEAD } from './compare.js';

const TASKS = 1000;

/** Questions about a set of many processes. */
export async function benchSets(print: (line: string) => void): Promise<void> {
  const dir = mkdtempSync(path.join(tmpdir(), 'crit-bench-'));
  try {
    const set = makeManyTasks(dir, TASKS);
    TABLE_HEAD.forEach(print);
    // the set has no pages: verify says so
    for (const command of ['inspect', 'verify'])
      await compare(print, {
        what: `${command}, ${TASKS} processes`,
        tools: [[CRIT, [command, set]]],
        statuses: [0, 1],
      });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
