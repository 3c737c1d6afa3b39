/**
 * What pages are:
 * - `i` their bytes are in this set's images, `p` in those of a set before it
 * - `z` never written, zeros
 * - `f` as in the file that is mapped, `e` behind its end
 * - `k` made by the kernel, `g` guard pages
 * - `l` left with a page server, `x` missing
 * - `m` of several kinds, taken together
 */
export type RunKind = 'i' | 'p' | 'z' | 'f' | 'e' | 'k' | 'g' | 'l' | 'x' | 'm';

interface Run {
  readonly pages: number;
  readonly kind: RunKind;
  /** Of a mixture: pages whose bytes are in images. */
  readonly stored: number;
}

const storedPages = (kind: RunKind, pages: number): number => (kind === 'i' || kind === 'p' ? pages : 0);

/**
 * Runs of pages as text: `12i`, `5/64m` (64 pages of several kinds, 5 of them in images). At most about `limit` of them: where there
 * are more, short neighbours are taken together, the shortest first.
 */
export class RunText {
  readonly #limit: number;
  #runs: Run[] = [];
  #grain = 2;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(kind: RunKind, pages: number): void {
    const last = this.#runs.at(-1);
    const stored = storedPages(kind, pages);
    if (last && (last.kind === kind || (last.kind === 'm' && last.pages < this.#grain / 2 && pages < this.#grain / 2)))
      this.#runs[this.#runs.length - 1] = { ...last, pages: last.pages + pages, stored: last.stored + stored };
    else this.#runs.push({ kind, pages, stored });
    if (this.#runs.length > 2 * this.#limit) this.#coarsen(this.#limit);
  }

  #coarsen(limit: number): void {
    while (this.#runs.length > limit) {
      const out: Run[] = [];
      for (const run of this.#runs) {
        const last = out.at(-1);
        if (last && last.pages < this.#grain && run.pages < this.#grain)
          out[out.length - 1] = { kind: 'm', pages: last.pages + run.pages, stored: last.stored + run.stored };
        else out.push(run);
      }
      this.#runs = out;
      this.#grain *= 2;
    }
  }

  /** Whether runs were taken together. */
  get isCoarse(): boolean {
    return this.#runs.some(({ kind }) => kind === 'm');
  }

  toString(): string {
    this.#coarsen(this.#limit);
    return this.#runs.map(({ kind, pages, stored }) => `${kind === 'm' ? `${stored}/` : ''}${pages}${kind}`).join('');
  }
}
