import { closeSync, fstatSync, lstatSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { ImageDir } from '../encode/image-dir.js';
import { imageFileName } from '../image/catalogue.js';
import { CritError, ImageError } from '../image/errors.js';
import type { PagemapEntry } from '../image/generated/messages.js';
import { readRuns, splitPagemap, storedRuns, type PageRun, type StoredRun } from '../image/pagemap.js';
import { PARENT } from '../image/parent-link.js';
import { openRegularFile } from '../image/regular-file.js';
import { followLink } from '../image/trusted-link.js';
import { PE } from '../image/vma-status.js';
import { O_RDONLY } from '../kernel/uapi/open-flags.js';
import type { Batch, Ref } from '../task/batch.js';
import { ownRoot } from '../task/lookup-root.js';
import { VerifiedOpens, type Seen } from '../task/verified-open.js';
import type { PagemapType, PageSource } from './page-source.js';
import { bytesIn, clip, gaps } from './runs.js';

/** What the number of a pages image counts in; those of parents have numbers behind those of the set itself. */
const LEVEL = 2 ** 32;

const nameOf = (pagesId: number) =>
  `${PARENT}/`.repeat(Math.floor(pagesId / LEVEL)) + imageFileName('PAGES', pagesId % LEVEL);

const bad = (text: string) => new CritError(text, { code: 'BAD_IMAGE' });
const inParent = ({ flags }: PageRun) => (flags & (PE.PARENT | PE.PRESENT)) === PE.PARENT;

/** What one set of a chain tells of pages. */
interface Level {
  readonly file: string;
  readonly runs: readonly PageRun[];
  readonly stored: readonly StoredRun[];
}

interface PagesImage extends Seen {
  readonly sizeBytes: number;
}

/**
 * The pages images of a set and of those it is an increment of: looked at before anything is started, then opened by crit
 * or by the puppets themselves. Of a parent, nothing but pagemaps and pages are read.
 */
export class LocalPages implements PageSource {
  /** The set, its parent, and so on, as far as there was a need for them. */
  readonly #sets: ImageDir[];
  readonly #found = new Map<number, PagesImage>();

  constructor({ path }: ImageDir) {
    this.#sets = [new ImageDir(realpathSync(path))];
  }

  /** All pages that a pagemap of the set tells of. @throws CritError as locate; BAD_IMAGE where it is empty */
  whole(type: PagemapType, id: number): StoredRun[] {
    const { head, entries } = splitPagemap(this.#sets[0]!.read(type, id).entries.map(({ message }) => message));
    if (!head) throw bad(`${imageFileName(type, id)} has no entry`);
    return this.locate(type, id, head.pages_id, entries);
  }

  locate(type: PagemapType, id: number, pagesId: number, entries: readonly PagemapEntry[]): StoredRun[] {
    const levels = [this.#level(0, imageFileName(type, id), pagesId, entries)];
    while (levels.at(-1)!.runs.some(inParent))
      levels.push(this.#ofParent(levels.length, type, id, levels.at(-1)!.file));
    let stored = levels.pop()!.stored;
    for (let level = levels.pop(); level; level = levels.pop()) stored = merged(level, stored);
    return [...stored];
  }

  #level(depth: number, file: string, pagesId: number, entries: readonly PagemapEntry[]): Level {
    const image = depth * LEVEL + pagesId;
    const runs = [...readRuns(file, entries)];
    const stored = storedRuns(image, runs);
    const [described, sizeBytes] = [bytesIn(stored), this.#sizeOf(image, file)];
    if (described > sizeBytes)
      throw bad(`${nameOf(image)} has ${sizeBytes} bytes, ${file} describes ${described}: it is truncated`);
    return { file, runs, stored };
  }

  #ofParent(depth: number, type: PagemapType, id: number, by: string): Level {
    const images = this.#set(depth, by);
    const file = `${PARENT}/`.repeat(depth) + imageFileName(type, id);
    const messages = images.messages(type, id);
    const { head, entries } = splitPagemap(messages ?? []);
    if (!head) throw bad(`${by}: pages are in the parent set, which has none of them: ${file} is missing or empty`);
    return this.#level(depth, file, head.pages_id, entries);
  }

  /** The set so many steps before this one. */
  #set(depth: number, by: string): ImageDir {
    const known = this.#sets[depth];
    if (known) return known;
    const link = path.join(this.#sets.at(-1)!.path, PARENT);
    const missing = (text: string) =>
      new CritError(`${by}: its pages are in the set that this one is an increment of: ${text}`, {
        code: 'MISSING_PARENT',
      });
    const stat = lstatSync(link, { throwIfNoEntry: false });
    if (!stat) throw missing(`bring it, and make ${link} a symbolic link to it`);
    if (!statSync(link, { throwIfNoEntry: false })?.isDirectory())
      throw missing(`bring it to where ${link} leads${stat.isSymbolicLink() ? `, ${readlinkSync(link)}` : ''}`);
    const directory = stat.isSymbolicLink() ? followLink(link) : link;
    const set = new ImageDir(realpathSync(directory));
    if (this.#sets.some(({ path }) => path === set.path)) throw bad(`${link}: the chain of parents goes in a circle`);
    this.#sets.push(set);
    return set;
  }

  /** Its size. @param by the image that names it @throws CritError MISSING_IMAGE, or as openRegularFile */
  #sizeOf(pagesId: number, by: string): number {
    let image = this.#found.get(pagesId);
    if (!image) {
      const file = nameOf(pagesId);
      try {
        const { fd, path: at } = openRegularFile(this.#fileOf(pagesId));
        try {
          const { dev, ino, size } = fstatSync(fd, { bigint: true });
          image = { path: at, dev, ino, sizeBytes: Number(size) };
        } finally {
          closeSync(fd);
        }
      } catch (error) {
        if (!(error instanceof ImageError) || error.code !== 'NO_IMAGE') throw error;
        throw new CritError(`${by} names ${file}, which is missing`, { code: 'MISSING_IMAGE', cause: error });
      }
      this.#found.set(pagesId, image);
    }
    return image.sizeBytes;
  }

  #fileOf(pagesId: number): string {
    return this.#sets[Math.floor(pagesId / LEVEL)]!.file('PAGES', pagesId % LEVEL);
  }

  nameOf(pagesId: number): string {
    return nameOf(pagesId);
  }

  open(pagesId: number): number {
    const file = nameOf(pagesId);
    const seen = this.#found.get(pagesId)!;
    const { fd } = openRegularFile(this.#fileOf(pagesId));
    const { dev, ino } = fstatSync(fd, { bigint: true });
    if (dev === seen.dev && ino === seen.ino) return fd;
    closeSync(fd);
    throw new CritError(`${file} was exchanged while it was being restored`, { code: 'EXCHANGED_FILE' });
  }

  openIn(b: Batch, pagesIds: Iterable<number>, placed: (b: Batch, pagesId: number, fd: Ref) => void): void {
    const opens = new VerifiedOpens(ownRoot);
    for (const id of pagesIds) placed(b, id, opens.open(b, this.#found.get(id)!, O_RDONLY));
    b.run();
    opens.check();
  }
}

/** Where the pages of a set are, those that are in its parent there. */
function merged({ file, runs, stored }: Level, parent: readonly StoredRun[]): StoredRun[] {
  const out: StoredRun[] = [];
  let own = 0;
  for (const run of runs)
    if (inParent(run)) {
      const [missing] = gaps(parent, run.start, run.end);
      if (missing)
        throw bad(`${file}: the page at 0x${missing.start.toString(16)} is not in the parent set, as it says`);
      out.push(...clip(parent, run.start, run.end));
    } else if (run.flags & PE.PRESENT) {
      while (stored[own]!.end <= run.start) own++;
      out.push(...clip([stored[own]!], run.start, run.end));
    }
  return out;
}
