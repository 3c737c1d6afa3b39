import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after } from 'node:test';
import { changeSet, type Changes } from '../../src/edit/changes.js';
import { writeSet } from '../../src/edit/write-set.js';
import { ImageDir } from '../../src/encode/image-dir.js';
import { nrPages, pageFlags, splitPagemap } from '../../src/image/pagemap.js';
import { PAGE_SIZE, PE } from '../../src/image/vma-status.js';
import { openCheckpoint } from '../../src/inspect/checkpoint.js';
import { projectPath } from '../project-path.js';

/** A directory that is gone when the tests of the file have ended. */
export const scratch = mkdtempSync(path.join(tmpdir(), 'crit-edit-'));
after(() => {
  rmSync(scratch, { recursive: true, force: true });
});

let names = 0;
/** A path in it at which nothing is. */
export const fresh = (): string => path.join(scratch, `set-${names++}`);

/** A copy of a set of the fixtures, which can be changed in place. */
export function copyOf(name: string): string {
  const to = fresh();
  cpSync(projectPath(`fixtures/sets/${name}`), to, { recursive: true });
  return to;
}

/** The same with pages for all processes, which the fixtures come without: any bytes do. */
export function withPages(name: string): string {
  const to = copyOf(name);
  const images = new ImageDir(to);
  for (const { file, type, id } of images.list()) {
    if (type !== 'PAGEMAP' && type !== 'SHMEM_PAGEMAP') continue;
    const { head, entries } = splitPagemap(images.messages(type, id) ?? []);
    if (!head) continue;
    const pages = entries.reduce((n, entry) => n + (pageFlags(entry) & PE.PRESENT ? Number(nrPages(entry)) : 0), 0);
    const bytes = Buffer.alloc(pages * PAGE_SIZE);
    for (let at = 0; at < bytes.length; at += 8) bytes.writeUInt32LE(at + file.length, at);
    writeFileSync(path.join(to, `pages-${head.pages_id}.img`), bytes);
  }
  return to;
}

/** Changes a set into another directory. */
export function changed(from: string, changes: Changes): { images: ImageDir; lines: readonly string[]; to: string } {
  const to = fresh();
  const { set, lines } = changeSet(openCheckpoint(from), changes);
  writeSet(set, to);
  return { images: new ImageDir(to), lines, to };
}
