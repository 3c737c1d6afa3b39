import path from 'node:path';
import { realpathSync } from 'node:fs';
import { imageFileName } from '../image/catalogue.js';
import { CritError } from '../image/errors.js';
import { pagemapOf, readRuns, splitPagemap, type PageRun } from '../image/pagemap.js';
import { PAGE_SIZE, PE } from '../image/vma-status.js';
import { OpenFiles } from '../inspect/address-space/backing-file.js';
import { loadPages, ParentChain, type PageTable } from '../inspect/address-space/page-table.js';
import type { Checkpoint } from '../inspect/checkpoint.js';
import { EditedSet, type MakeBytes } from './edited-set.js';
import { flatten, type Flattened } from './flatten.js';

const PIECE = 1 << 20;

const bad = (text: string): CritError => new CritError(text, { code: 'BAD_IMAGE' });

/** Reads [start, end) of a table, as far as one image has it: how many bytes. */
function readPart(table: PageTable, start: number, end: number, into: Uint8Array): number {
  for (const part of table.runs(start, end)) {
    if (part.start > start) return 0;
    if (!('file' in part.source)) return 0;
    const length = Math.min(part.end - start, into.length);
    const got = part.source.file.read(into, 0, length, part.offset);
    if (got < length) throw bad(part.source.file.failure ?? `${part.source.file.name} is cut off`);
    return got;
  }
  return 0;
}

/** The runs of a set, those parted of which the base has the same pages. */
function* against(base: PageTable, own: PageTable, runs: Iterable<PageRun>): Generator<PageRun> {
  const [mine, theirs] = [new Uint8Array(PIECE), new Uint8Array(PIECE)];
  for (const run of runs) {
    if (!(run.flags & PE.PRESENT)) {
      yield run;
      continue;
    }
    for (let at = run.start; at < run.end;) {
      const got = readPart(own, at, Math.min(run.end, at + PIECE), mine);
      if (got === 0) throw bad(`the page 0x${at.toString(16)} is in no image`);
      for (let page = 0; page < got;) {
        const there = readPart(base, at + page, at + got, theirs);
        const end = page + Math.max(there, PAGE_SIZE);
        for (; page < end; page += PAGE_SIZE) {
          const same =
            there > 0 &&
            Buffer.compare(
              mine.subarray(page, page + PAGE_SIZE),
              theirs.subarray(page - end + there, page - end + there + PAGE_SIZE),
            ) === 0;
          const flags = same ? (run.flags & ~PE.PRESENT) | PE.PARENT : run.flags;
          yield { start: at + page, end: at + page + PAGE_SIZE, flags };
        }
      }
      at += got;
    }
  }
}

function bytesOf(runs: readonly PageRun[], own: PageTable): MakeBytes {
  return (write) => {
    const buffer = new Uint8Array(PIECE);
    for (const { start, end, flags } of runs)
      if (flags & PE.PRESENT)
        for (let at = start; at < end;) {
          const got = readPart(own, at, end, buffer);
          if (got === 0) throw bad(`the page 0x${at.toString(16)} is in no image`);
          write(buffer.subarray(0, got));
          at += got;
        }
  };
}

/** Joins runs that touch and are alike. */
function joined(runs: Iterable<PageRun>): PageRun[] {
  const out: PageRun[] = [];
  for (const run of runs) {
    const last = out.at(-1);
    if (last?.end === run.start && last.flags === run.flags) last.end = run.end;
    else out.push({ ...run });
  }
  return out;
}

/**
 * Makes a set an increment of another one: pages that are the same there are left to it.
 * @param set to be an increment, itself a whole one or one of a chain @param base a directory; it may be an increment too
 * @returns the set to be written; where it stands, `parent` leads to the base
 * @throws CritError BAD_ARGUMENT when the base is in an archive, MISSING_PARENT, BAD_IMAGE
 */
export function rebase(set: Checkpoint, base: Checkpoint): Flattened {
  const directory = realpathSync(base.images.path);
  if (path.resolve(realpathSync(set.images.path)) === directory)
    throw new CritError('a set cannot be an increment of itself', { code: 'BAD_ARGUMENT' });
  const whole = flatten(set);
  const edited: EditedSet = whole.set;
  edited.attach(directory);
  const files = new OpenFiles();
  const fail = (text: string): never => {
    throw bad(text);
  };
  const [ownChain, baseChain] = [new ParentChain(set), new ParentChain(base)];
  for (const type of ['PAGEMAP', 'SHMEM_PAGEMAP'] as const)
    for (const id of edited.ids(type)) {
      const messages = edited.look(type, id)?.entries.map(({ message }) => message) ?? [];
      const { head, entries } = splitPagemap(messages);
      const there = loadPages(baseChain, type, Number(id), files, fail);
      const own = loadPages(ownChain, type, Number(id), files, fail);
      if (!head || !there || !own) continue;
      const runs = joined(against(there, own, readRuns(imageFileName(type, id), entries)));
      edited.change(type, id).entries = pagemapOf(head.pages_id, runs).map((message) => ({ message }));
      edited.replace(imageFileName('PAGES', head.pages_id), bytesOf(runs, own));
    }
  return {
    set: edited,
    sets: whole.sets,
    [Symbol.dispose]: () => {
      files[Symbol.dispose]();
      whole[Symbol.dispose]();
    },
  };
}
