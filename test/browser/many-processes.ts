import { cpSync } from 'node:fs';
import path from 'node:path';
import { ImageDir } from '../../src/encode/image-dir.js';
import { fixture } from '../project-path.js';

/** A set of so many processes, each with memory, descriptors and an environment of its own. @returns its directory */
export function manyProcesses(dir: string, count: number): string {
  const set = path.join(dir, `many-${count}`);
  cpSync(fixture('pipes'), set, { recursive: true });
  const images = new ImageDir(set);
  const [root] = images.read('PSTREE').entries;
  const { pid } = root!.message;
  const of = { core: images.read('CORE', pid), mm: images.read('MM', pid), fs: images.read('FS', pid) };
  const pagemap = images.read('PAGEMAP', pid);
  const ids = images.has('IDS', pid) ? images.read('IDS', pid) : undefined;
  const table = ids?.entries[0]?.message.files_id ?? 0;
  const fdinfo = images.read('FDINFO', table);
  const tree = Array.from({ length: count }, (_, i) => {
    const own = 1000 + i;
    return {
      message: { pid: own, ppid: i === 0 ? 0 : 1000 + Math.floor((i - 1) / 7), pgid: 1000, sid: 1000, threads: [own] },
    };
  });
  images.write('PSTREE', undefined, tree);
  const [first] = of.mm.entries;
  // as many mappings as a program with some dozen libraries has
  const sample = first!.message.vmas!;
  const end = sample.at(-1)!.end;
  const more = Array.from({ length: 80 }, (_, i) => ({
    ...sample[0]!,
    start: end + BigInt(i * 0x10000 + 0x10000),
    end: end + BigInt(i * 0x10000 + 0x14000),
  }));
  const mm = [{ ...first!, message: { ...first!.message, vmas: [...sample.slice(0, -1), ...more] } }];
  mm[0]!.message.vmas.sort((a, b) => (a.start < b.start ? -1 : 1));
  for (const { message } of tree) {
    images.write('CORE', message.pid, of.core.entries);
    images.write('MM', message.pid, mm);
    images.write('FS', message.pid, of.fs.entries);
    images.write('PAGEMAP', message.pid, pagemap.entries);
    if (ids) {
      const own = { ...ids.entries[0]!, message: { ...ids.entries[0]!.message, files_id: message.pid } };
      images.write('IDS', message.pid, [own]);
    }
    images.write('FDINFO', message.pid, fdinfo.entries);
  }
  return set;
}
