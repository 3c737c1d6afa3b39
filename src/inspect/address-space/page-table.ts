import { ImageError } from '../../image/errors.js';
import type { PagemapEntry, PagemapHead } from '../../image/generated/messages.js';
import { imageFileName } from '../../image/catalogue.js';
import { readRuns } from '../../image/pagemap.js';
import { PE } from '../../image/vma-status.js';
import { CritError } from '../../image/errors.js';
import type { Checkpoint } from '../checkpoint.js';
import type { BackingFile, OpenFiles } from './backing-file.js';
import type { Absence } from './memory-run.js';

/** Where pages are: in a pages image of a set, or nowhere. */
export type PageSource =
  { readonly file: BackingFile; readonly depth: number } | { readonly why: Absence; readonly reason: string };

/** Pages of a table that lie in one place, at `offset` of it. */
export interface TableRun {
  readonly start: number;
  readonly end: number;
  readonly source: PageSource;
  readonly offset: number;
}

/**
 * The pages of an address space or of shared memory, by address, those of parents in their places. A million runs take
 * 30 MiB. Addresses are numbers: all are multiples of the page size, so that a number holds each of them exactly.
 */
export class PageTable {
  #numbers = new Float64Array(64);
  #sources = new Uint32Array(16);
  #known: PageSource[] = [];
  readonly #indexes = new Map<PageSource, number>();
  #length = 0;

  get length(): number {
    return this.#length;
  }

  start(i: number): number {
    return this.#numbers[i * 4]!;
  }

  end(i: number): number {
    return this.#numbers[i * 4 + 1]!;
  }

  offset(i: number): number {
    return this.#numbers[i * 4 + 2]!;
  }

  source(i: number): PageSource {
    return this.#known[this.#sources[i]!]!;
  }

  /** Adds pages behind the last; those that go on where the last ended, in memory and in their image, make it longer. */
  push(start: number, end: number, source: PageSource, offset: number): void {
    const last = this.#length - 1;
    if (
      last >= 0 &&
      this.end(last) === start &&
      this.source(last) === source &&
      (!('file' in source) || this.offset(last) + (start - this.start(last)) === offset)
    ) {
      this.#numbers[last * 4 + 1] = end;
      return;
    }
    let index = this.#indexes.get(source);
    if (index === undefined) {
      index = this.#known.push(source) - 1;
      this.#indexes.set(source, index);
    }
    if (this.#length === this.#sources.length) this.#grow();
    this.#numbers.set([start, end, offset], this.#length * 4);
    this.#sources[this.#length++] = index;
  }

  #grow(): void {
    const numbers = new Float64Array(this.#numbers.length * 2);
    numbers.set(this.#numbers);
    this.#numbers = numbers;
    const sources = new Uint32Array(this.#sources.length * 2);
    sources.set(this.#sources);
    this.#sources = sources;
  }

  /** The first run that ends behind an address. */
  #find(address: number): number {
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const mid = (low + high) >>> 1;
      if (this.end(mid) <= address) low = mid + 1;
      else high = mid;
    }
    return low;
  }

  /** The parts of runs that lie in [start, end). What lies between them has no pages. */
  *runs(start: number, end: number): Generator<TableRun> {
    for (let i = this.#find(start); i < this.#length && this.start(i) < end; i++) {
      const from = Math.max(start, this.start(i));
      const offset = this.offset(i) + (from - this.start(i));
      yield { start: from, end: Math.min(end, this.end(i)), source: this.source(i), offset };
    }
  }
}

/** The pages image of a level has them; the parent has them; nobody has. */
type Level = PageTable & { hasParents?: boolean };

const IN_PARENT: PageSource = { why: 'lost', reason: 'it is in the parent images' };
const LAZY: PageSource = { why: 'lazy', reason: 'it was left with a page server' };

/**
 * Reads a pagemap and those of the parents that it refers to.
 * @param chain the set and its parents, as far as there are any
 * @param warn is told what is wrong with them; what is sound is in the table
 * @returns undefined when the set has no such image, or one that cannot be read
 */
export function loadPages(
  chain: ParentChain,
  type: 'PAGEMAP' | 'SHMEM_PAGEMAP',
  id: number | bigint,
  files: OpenFiles,
  warn: (text: string) => void,
): PageTable | undefined {
  const levels: Level[] = [];
  for (let depth = 0; ; depth++) {
    const checkpoint = chain.at(depth, warn);
    const level = checkpoint && readLevel(checkpoint, type, id, depth, files, warn);
    if (level) levels.push(level);
    if (!level?.hasParents) break;
  }
  let table = levels.pop();
  if (!table) return undefined;
  table = merged(table, new PageTable(), chain.missing);
  for (let level = levels.pop(); level; level = levels.pop()) table = merged(level, table, chain.missing);
  return table;
}

function readLevel(
  { images }: Checkpoint,
  type: 'PAGEMAP' | 'SHMEM_PAGEMAP',
  id: number | bigint,
  depth: number,
  files: OpenFiles,
  warn: (text: string) => void,
): Level | undefined {
  if (!images.has(type, id)) return undefined;
  const level: Level = new PageTable();
  try {
    using reader = images.reader(type, id);
    let source: PageSource | undefined;
    const entries = function* (): Generator<PagemapEntry> {
      for (const { message } of reader) {
        if (source) yield message as PagemapEntry;
        else {
          const { pages_id } = message as PagemapHead;
          source = {
            file: files.file(images.file('PAGES', pages_id), () => images.open('PAGES', pages_id)),
            depth,
          };
        }
      }
    };
    let offset = 0;
    for (const { start, end, flags } of readRuns(images.store.pathOf(imageFileName(type, id)), entries())) {
      if (flags & PE.PRESENT) {
        level.push(start, end, source!, offset);
        offset += end - start;
      } else if (flags & PE.PARENT) {
        level.push(start, end, IN_PARENT, 0);
        level.hasParents = true;
      } else level.push(start, end, LAZY, 0);
    }
  } catch (error) {
    if (!(error instanceof CritError)) throw error;
    warn(error.message);
    if (error instanceof ImageError && level.length === 0) return undefined;
  }
  return level;
}

/** The pages of a set, those that are in its parent taken from there. */
function merged(level: Level, parent: PageTable, missing: PageSource): PageTable {
  if (!level.hasParents) return level;
  const out = new PageTable();
  let p = 0;
  for (let i = 0; i < level.length; i++) {
    const end = level.end(i);
    let at = level.start(i);
    if (level.source(i) !== IN_PARENT) {
      out.push(at, end, level.source(i), level.offset(i));
      continue;
    }
    while (at < end) {
      while (p < parent.length && parent.end(p) <= at) p++;
      const start = p < parent.length ? parent.start(p) : Infinity;
      const to = Math.min(end, start > at ? start : parent.end(p));
      if (start > at) out.push(at, to, missing, 0);
      else out.push(at, to, parent.source(p), parent.offset(p) + (at - start));
      at = to;
    }
  }
  return out;
}

/** A set and its parents: each is opened once. */
export class ParentChain {
  readonly #sets: (Checkpoint | undefined)[];
  /** What pages are that a set says its parent has, and which are not there. */
  missing: PageSource = { why: 'lost', reason: 'the images say that it is in the parent images, where it is not' };

  constructor(checkpoint: Checkpoint) {
    this.#sets = [checkpoint];
  }

  /** The set so many steps before this one. */
  at(depth: number, warn: (text: string) => void): Checkpoint | undefined {
    while (this.#sets.length <= depth) {
      try {
        this.#sets.push(this.#sets.at(-1)?.parent());
      } catch (error) {
        if (!(error instanceof CritError)) throw error;
        warn(error.message);
        this.missing = { why: 'lost', reason: error.message };
        this.#sets.push(undefined);
      }
    }
    return this.#sets[depth];
  }
}
