import { readSync } from 'node:fs';
import type { PageRun, StoredRun } from '../image/pagemap.js';
import { PAGE_SIZE, PE } from '../image/vma-status.js';
import { clip } from '../pages/runs.js';
import { writeAll, writing } from './pages.js';

/** A pages image that is written, and its name for people. */
interface PagesImage {
  readonly fd: number;
  readonly file: string;
}

/** Opens the pages images of earlier sets; each is opened once. */
export type OpenPages = (pagesId: number) => number;

/**
 * Takes the pages of a process or of shared memory, in order, and writes those that are not the same in the set before:
 * what was written meanwhile is found by comparing, so that nothing has to watch the process, and it does not matter
 * whether it is the same process. Cost: about 0.4 s for 1 GiB without changes, the reading of the earlier images included.
 */
export class Increment {
  readonly #runs: readonly PageRun[];
  readonly #before: readonly StoredRun[];
  readonly #open: OpenPages;
  readonly #to: PagesImage;
  readonly #found: PageRun[] = [];
  #scratch = Buffer.alloc(0);
  /** The run that goes on at `#offset` of all pages. */
  #run = 0;
  #runOffset = 0;
  #written = 0;

  /** @param runs all pages @param before where the earlier sets have pages @param to the pages image */
  constructor(runs: readonly PageRun[], before: readonly StoredRun[], open: OpenPages, to: PagesImage) {
    this.#runs = runs;
    this.#before = before;
    this.#open = open;
    this.#to = to;
  }

  /** @param bytes whole pages @param offset of them in all pages: where the piece before ended */
  put(bytes: Uint8Array, offset: number): void {
    for (let at = 0; at < bytes.length;) {
      const run = this.#runs[this.#run]!;
      const start = run.start + (offset + at - this.#runOffset);
      const end = Math.min(run.end, start + bytes.length - at);
      this.#take(bytes.subarray(at, at + end - start), start, run.flags);
      at += end - start;
      if (end === run.end) {
        this.#runOffset += run.end - run.start;
        this.#run++;
      }
    }
  }

  /** All pages: those that are in the image, and those that are in the set before. */
  get found(): readonly PageRun[] {
    return this.#found;
  }

  /** How many pages are in the image, and how many are not. */
  get counts(): { written: number; skipped: number } {
    const all = this.#found.reduce((sum, { start, end }) => sum + end - start, 0);
    return { written: this.#written / PAGE_SIZE, skipped: (all - this.#written) / PAGE_SIZE };
  }

  #take(bytes: Uint8Array, start: number, flags: number): void {
    let at = 0;
    for (const { start: from, end, at: where } of clip(this.#before, start, start + bytes.length)) {
      this.#write(bytes.subarray(at, from - start), start + at, flags);
      at = end - start;
      this.#compare(bytes.subarray(from - start, at), from, flags, where);
    }
    this.#write(bytes.subarray(at), start + at, flags);
  }

  /** Writes the pages that are not what they were. */
  #compare(bytes: Uint8Array, start: number, flags: number, where: StoredRun['at']): void {
    const old = this.#readOld(where, bytes.length);
    if (!old) {
      this.#write(bytes, start, flags);
      return;
    }
    if (old.equals(bytes)) {
      this.#add(start, bytes.length, PE.PARENT);
      return;
    }
    const isOld = (at: number) => old.compare(bytes, at, at + PAGE_SIZE, at, at + PAGE_SIZE) === 0;
    for (let at = 0; at < bytes.length;) {
      const same = isOld(at);
      let end = at + PAGE_SIZE;
      while (end < bytes.length && isOld(end) === same) end += PAGE_SIZE;
      if (same) this.#add(start + at, end - at, PE.PARENT);
      else this.#write(bytes.subarray(at, end), start + at, flags);
      at = end;
    }
  }

  /** @returns undefined where the image has become shorter meanwhile */
  #readOld({ pagesId, offset }: StoredRun['at'], sizeBytes: number): Buffer | undefined {
    if (this.#scratch.length < sizeBytes) this.#scratch = Buffer.allocUnsafeSlow(sizeBytes);
    const fd = this.#open(pagesId);
    let got = 0;
    for (let n = 1; got < sizeBytes && n > 0; got += n)
      n = readSync(fd, this.#scratch, got, sizeBytes - got, offset + got);
    return got === sizeBytes ? this.#scratch.subarray(0, sizeBytes) : undefined;
  }

  #write(bytes: Uint8Array, start: number, flags: number): void {
    if (bytes.length === 0) return;
    writing(this.#to.file, () => {
      writeAll(this.#to.fd, bytes, this.#written);
    });
    this.#written += bytes.length;
    this.#add(start, bytes.length, flags);
  }

  #add(start: number, sizeBytes: number, flags: number): void {
    const last = this.#found.at(-1);
    if (last?.end === start && last.flags === flags) last.end += sizeBytes;
    else this.#found.push({ start, end: start + sizeBytes, flags });
  }
}
