import type { EditedSet } from '../edited-set.js';
import { imageFileName } from '../../image/catalogue.js';
import { CritError } from '../../image/errors.js';
import type { StoredFile } from '../../image/image-store.js';
import { pagemapOf, readRuns, splitPagemap, type PageRun } from '../../image/pagemap.js';
import { PAGE_SIZE, PE } from '../../image/vma-status.js';

const PIECE = 1 << 20;

/** What pages a pagemap is of: of a process, by pid, or of shared memory, by shmid. */
export interface PagesOf {
  readonly type: 'PAGEMAP' | 'SHMEM_PAGEMAP';
  readonly id: number;
}

/** A run of the new pagemap, and where its bytes are: in the old pages image, or in a patch. */
interface NewRun extends PageRun {
  /** Of a run whose bytes are in the images: where they were. Pages that are patched are taken from there. */
  readonly offset?: number;
}

/** Where the bytes of every page are after the patches: runs that have a page which had none are parted. */
export function patchedRuns(runs: Iterable<PageRun>, patched: readonly number[]): NewRun[] {
  const out: NewRun[] = [];
  let next = 0;
  let offset = 0;
  const insert = (before: number): void => {
    for (; next < patched.length && patched[next]! < before; next++)
      out.push({ start: patched[next]!, end: patched[next]! + PAGE_SIZE, flags: PE.PRESENT });
  };
  for (const { start, end, flags } of runs) {
    insert(start);
    if (flags & PE.PRESENT) {
      out.push({ start, end, flags, offset });
      offset += end - start;
      while (next < patched.length && patched[next]! < end) next++;
      continue;
    }
    let at = start;
    for (; next < patched.length && patched[next]! < end; next++) {
      const page = patched[next]!;
      if (at < page) out.push({ start: at, end: page, flags });
      out.push({ start: page, end: page + PAGE_SIZE, flags: PE.PRESENT });
      at = page + PAGE_SIZE;
    }
    if (at < end) out.push({ start: at, end, flags });
  }
  insert(Infinity);
  return out;
}

/** How many pagemaps name a pages image: old versions of CRIU have one for all processes. */
function users(set: EditedSet, pagesId: number): number {
  let n = 0;
  for (const type of ['PAGEMAP', 'SHMEM_PAGEMAP'] as const)
    for (const id of set.ids(type)) {
      using reader = set.images.reader(type, id);
      for (const { message } of reader) {
        if ('pages_id' in message && message.pages_id === pagesId) n++;
        break;
      }
    }
  return n;
}

/**
 * Has the set's pagemap and pages image hold these pages. Nothing is read into memory: the pages image is made when the set
 * is written, from the one that is there.
 * @param pages by address (of shared memory: by offset), whole pages @throws CritError BAD_IMAGE
 */
export function patchPages(set: EditedSet, { type, id }: PagesOf, pages: ReadonlyMap<number, Uint8Array>): void {
  const name = imageFileName(type, id);
  const { head, entries } = splitPagemap(set.look(type, id)?.entries.map(({ message }) => message) ?? []);
  const runs = patchedRuns(
    readRuns(name, entries),
    [...pages.keys()].sort((a, b) => a - b),
  );
  const old = head?.pages_id;
  const wasThere = old !== undefined && set.has('PAGES', old);
  if (!wasThere && runs.some(({ offset }) => offset !== undefined))
    throw new CritError(`${name} names ${imageFileName('PAGES', old ?? '')}, which is missing`, {
      code: 'MISSING_IMAGE',
    });
  const isShared = wasThere && users(set, old) > 1;
  const pagesId = wasThere && !isShared ? old : 1 + Math.max(0, ...set.ids('PAGES').map(Number));
  const from = wasThere ? imageFileName('PAGES', old) : undefined;
  const image = set.has(type, id) ? set.change(type, id) : undefined;
  const messages = pagemapOf(pagesId, runs).map((message) => ({ message }));
  if (image) image.entries = messages;
  else set.add(type, id, messages);
  set.replace(imageFileName('PAGES', pagesId), (write) => {
    using pagesFile = from === undefined ? undefined : set.open(from);
    for (const { start, end, flags, offset } of runs) {
      if (!(flags & PE.PRESENT)) continue;
      if (offset === undefined) write(pages.get(start)!);
      else copy(pagesFile, offset, start, end, pages, write);
    }
  });
}

function copy(
  file: StoredFile | undefined,
  offset: number,
  start: number,
  end: number,
  pages: ReadonlyMap<number, Uint8Array>,
  write: (bytes: Uint8Array) => void,
): void {
  const piece = new Uint8Array(Math.min(PIECE, end - start));
  for (let at = start; at < end;) {
    const length = Math.min(PIECE, end - at);
    for (let got = 0; got < length;) {
      const some = file?.read(piece, got, length - got, offset + (at - start) + got) ?? 0;
      if (some === 0) throw new CritError(`${file?.name ?? 'the pages image'} is cut off`, { code: 'BAD_IMAGE' });
      got += some;
    }
    for (let page = at; page < at + length; page += PAGE_SIZE) {
      const patch = pages.get(page);
      if (patch) piece.set(patch, page - at);
    }
    write(piece.subarray(0, length));
    at += length;
  }
}
