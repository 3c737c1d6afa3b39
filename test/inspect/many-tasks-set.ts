import { cpSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { PagemapHead } from '../../src/image/generated/messages.js';
import { ImageDir } from '../../src/encode/image-dir.js';
import { fixture } from '../project-path.js';

const TYPES = ['CORE', 'MM', 'FS', 'PAGEMAP'] as const;
const FIRST_PID = 10_000;

/** A set of many processes, all like the root of fixtures/sets/tree, in a binary tree. @returns its directory */
export function makeManyTasks(dir: string, count: number): string {
  const at = path.join(dir, 'many');
  const from = new ImageDir(fixture('tree'));
  cpSync(fixture('tree'), at, { recursive: true });
  const to = new ImageDir(at);
  const tree = from.read('PSTREE').entries[0]!.message;
  const like = tree.pid;
  const ids = from.read('IDS', like).entries[0]!.message;
  const table = from.read('FDINFO', ids.files_id).entries;
  const pids = Array.from({ length: count }, (_, i) => FIRST_PID + i);
  for (const pid of pids) {
    for (const type of TYPES) to.write(type, pid, from.read(type, like).entries);
    to.write('IDS', pid, [{ message: { ...ids, files_id: pid } }]);
    to.write('FDINFO', pid, table);
  }
  to.write(
    'PSTREE',
    undefined,
    pids.map((pid, i) => ({ message: { ...tree, pid, ppid: i === 0 ? 0 : pids[(i - 1) >> 1]!, threads: [pid] } })),
  );
  // what the pages of each are read from
  const [head] = from.read('PAGEMAP', like).entries;
  writeFileSync(path.join(at, `pages-${(head!.message as PagemapHead).pages_id}.img`), Buffer.alloc(100 << 10));
  return at;
}
