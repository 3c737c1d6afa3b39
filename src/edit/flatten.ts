import { imageFileName } from '../image/catalogue.js';
import { CritError } from '../image/errors.js';
import { pagemapOf, readRuns, splitPagemap, type PageRun } from '../image/pagemap.js';
import { PE } from '../image/vma-status.js';
import { OpenFiles } from '../inspect/address-space/backing-file.js';
import { loadPages, ParentChain, type PageTable } from '../inspect/address-space/page-table.js';
import type { Checkpoint } from '../inspect/checkpoint.js';
import { EditedSet, type MakeBytes } from './edited-set.js';

const PIECE = 1 << 20;

/** The set before an increment is needed, and lacks something. */
const torn = (text: string): CritError => new CritError(text, { code: 'BAD_IMAGE' });

/** The bytes of runs, each from the set of the chain that has it. */
function bytesOf(runs: readonly PageRun[], table: PageTable): MakeBytes {
  return (write) => {
    const buffer = new Uint8Array(PIECE);
    for (const { start, end, flags } of runs) {
      if (!(flags & PE.PRESENT)) continue;
      for (const piece of table.runs(start, end)) {
        if (!('file' in piece.source)) continue;
        const { file } = piece.source;
        for (let at = piece.start; at < piece.end;) {
          const wanted = Math.min(PIECE, piece.end - at);
          const got = file.read(buffer, 0, wanted, piece.offset + at - piece.start);
          if (got < wanted) throw torn(file.failure ?? `${file.name} is cut off`);
          write(buffer.subarray(0, got));
          at += got;
        }
      }
    }
  };
}

/** A merged set, to be written while it is held. */
export interface Flattened extends Disposable {
  readonly set: EditedSet;
  /** How many sets it is made of. */
  readonly sets: number;
}

/**
 * Merges an increment and the sets before it into one that needs none of them. Pages are read when it is written.
 * @throws CritError MISSING_PARENT, BAD_IMAGE when a set lacks pages that the one after it counts on
 */
export function flatten(last: Checkpoint): Flattened {
  let sets = 1;
  for (let set = last.parent(); set; set = set.parent()) sets++;
  const set = new EditedSet(last);
  set.detach();
  const files = new OpenFiles();
  const chain = new ParentChain(last);
  for (const type of ['PAGEMAP', 'SHMEM_PAGEMAP'] as const)
    for (const id of set.ids(type)) {
      const name = imageFileName(type, id);
      const { head, entries } = splitPagemap(last.images.messages(type, id) ?? []);
      const runs = [...readRuns(name, entries)];
      if (!head || !runs.some(({ flags }) => flags & PE.PARENT)) continue;
      const table = loadPages(chain, type, Number(id), files, (text) => {
        throw torn(text);
      })!;
      const merged = runs.map((run) =>
        run.flags & PE.PARENT ? { ...run, flags: (run.flags & ~PE.PARENT) | PE.PRESENT } : run,
      );
      for (const { start, end, flags } of merged)
        if (flags & PE.PRESENT)
          for (const { source } of table.runs(start, end))
            if (!('file' in source))
              throw torn(`${name}: the page 0x${start.toString(16)} or one behind it: ${source.reason}`);
      set.change(type, id).entries = pagemapOf(head.pages_id, merged).map((message) => ({ message }));
      set.replace(imageFileName('PAGES', head.pages_id), bytesOf(merged, table));
    }
  return {
    set,
    sets,
    [Symbol.dispose]: () => {
      files[Symbol.dispose]();
    },
  };
}
