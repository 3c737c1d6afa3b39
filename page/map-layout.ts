import { sizeWords } from '../src/cli/words.js';
import { PAGE_SIZE } from '../src/image/vma-status.js';
import type { RunKind } from '../src/inspect/report/run-text.js';
import type { MapData, MappingData } from './data.js';

/** Pages of one mapping that are drawn as one box, a hole between mappings, or a stretch that is cut short. */
export interface Box {
  readonly row: number;
  readonly x: number;
  readonly width: number;
  readonly mapping: MappingData | undefined;
  readonly kind: RunKind | 'hole';
  /** How much of it is in images, 0 to 1. */
  readonly stored: number;
  readonly start: bigint;
  readonly bytes: number;
  /** What of it stands in the rows above, in px. */
  readonly before: number;
  /** It is not to scale: its size is written into it. */
  readonly label: string | undefined;
}

export interface Layout {
  readonly boxes: readonly Box[];
  readonly rows: number;
  readonly bytesPerPx: number;
  /** Stretches of pages without bytes in images that are cut short, and from what length on. */
  readonly folds: number;
  readonly foldBytes: number;
  readonly holes: number;
}

interface Run {
  readonly kind: RunKind;
  readonly pages: number;
  readonly stored: number;
}

export function runsOf(text: string): Run[] {
  return Array.from(text.matchAll(/(?:(\d+)\/)?(\d+)([a-z])/g), ([, stored, pages, kind]) => ({
    kind: kind as RunKind,
    pages: Number(pages),
    stored: kind === 'i' || kind === 'p' ? Number(pages) : Number(stored ?? 0),
  }));
}

/** What is written into holes and into what is cut short takes so much room. */
const labelPx = (bytes: number): number => sizeWords(bytes).length * 6 + 12;
const GAP_PX = 5;
/** A hole below this has no label. */
const SMALL_HOLE = 1 << 20;
const ROWS = 14;
const MOST_PX_PER_PAGE = 14;
const LEAST_MAPPING_PX = 3;
/** Narrower boxes of one mapping are taken together. */
const LEAST_BOX_PX = 1.5;

type Piece = Omit<Box, 'row' | 'x' | 'width' | 'before'>;

/** Puts boxes one behind the other, row by row. */
class Ribbon {
  readonly boxes: Box[] = [];
  readonly #width: number;
  row = 0;
  #x = 0;

  constructor(width: number) {
    this.#width = width;
  }

  gap(px: number): void {
    if (this.#x > 0) this.#x += px;
  }

  /** A box that stays in one piece. */
  whole(px: number, box: Piece): void {
    if (this.#x + px > this.#width) this.#newRow();
    this.boxes.push({ ...box, row: this.row, x: this.#x, width: px, before: 0 });
    this.#x += px;
  }

  /** A box to scale, which goes on in the next row where this one ends. */
  scaled(px: number, box: Piece): void {
    for (let left = px; left > 0.01;) {
      if (this.#x >= this.#width - 0.5) this.#newRow();
      const width = Math.min(left, this.#width - this.#x);
      this.boxes.push({ ...box, row: this.row, x: this.#x, width, before: px - left });
      this.#x += width;
      left -= width;
    }
  }

  #newRow(): void {
    this.row++;
    this.#x = 0;
  }
}

/** Whether pages are of interest: those that are nobody's bytes are cut short where they are many. */
const isPlain = ({ stored, kind }: Run): boolean => stored === 0 && kind !== 'x' && kind !== 'l';

/** Lays an address space out in rows of so many px: pages to scale, holes cut short. */
export function layOut({ mappings }: MapData, width: number): Layout {
  const all = mappings.map((mapping) => ({ mapping, start: BigInt(mapping.start), runs: runsOf(mapping.runs) }));
  const stored = all.reduce(
    (sum, { runs }) => sum + runs.reduce((pages, run) => pages + (isPlain(run) ? 0 : run.pages), 0),
    0,
  );
  const foldPages = Math.max(32, Math.ceil(stored / 30));
  const isFolded = (run: Run) => isPlain(run) && run.pages > foldPages;
  let [pages, folds, holes, fixed] = [0, 0, 0, 0];
  let end = all[0]?.start ?? 0n;
  for (const { mapping, start, runs } of all) {
    if (start > end) {
      holes++;
      const bytes = Number(start - end);
      fixed += bytes >= SMALL_HOLE ? labelPx(bytes) : GAP_PX;
    }
    end = start + BigInt(mapping.pages * PAGE_SIZE);
    for (const run of runs)
      if (isFolded(run)) {
        folds++;
        fixed += labelPx(run.pages * PAGE_SIZE);
      } else pages += run.pages;
  }
  fixed += all.length * LEAST_MAPPING_PX;
  const room = Math.max(4 * width, ROWS * width - fixed);
  const pxPerPage = Math.min(MOST_PX_PER_PAGE, room / Math.max(1, pages));
  const ribbon = new Ribbon(width);
  end = all[0]?.start ?? 0n;
  for (const { mapping, start, runs } of all) {
    if (start > end) {
      const bytes = Number(start - end);
      const hole = { mapping: undefined, kind: 'hole', stored: 0, start: end, bytes, label: sizeWords(bytes) } as const;
      if (bytes >= SMALL_HOLE) ribbon.whole(labelPx(bytes), hole);
      else ribbon.gap(GAP_PX);
    } else ribbon.gap(1);
    end = start + BigInt(mapping.pages * PAGE_SIZE);
    drawMapping(ribbon, mapping, start, runs, { pxPerPage, isFolded });
  }
  return {
    boxes: ribbon.boxes,
    rows: ribbon.row + 1,
    bytesPerPx: PAGE_SIZE / pxPerPage,
    folds,
    foldBytes: foldPages * PAGE_SIZE,
    holes,
  };
}

function drawMapping(
  ribbon: Ribbon,
  mapping: MappingData,
  start: bigint,
  runs: readonly Run[],
  { pxPerPage, isFolded }: { readonly pxPerPage: number; readonly isFolded: (run: Run) => boolean },
): void {
  let at = start;
  let gathered: (Run & { readonly start: bigint }) | undefined;
  /** What was drawn wider than it is: what follows is drawn so much narrower. */
  let debt = 0;
  const isSmall = mapping.pages * pxPerPage < LEAST_MAPPING_PX;
  const isNarrow = ({ pages }: Run) => pages * pxPerPage < LEAST_BOX_PX;
  const flush = () => {
    if (!gathered) return;
    const { kind, pages, stored, start: from } = gathered;
    const box = { mapping, kind, stored: stored / pages, start: from, bytes: pages * PAGE_SIZE, label: undefined };
    const px = pages * pxPerPage;
    const drawn = isSmall ? LEAST_MAPPING_PX : Math.max(LEAST_BOX_PX, px - debt);
    debt += drawn - px;
    if (isSmall) ribbon.whole(drawn, box);
    else ribbon.scaled(drawn, box);
    gathered = undefined;
  };
  for (const run of runs) {
    const bytes = run.pages * PAGE_SIZE;
    if (isFolded(run)) {
      flush();
      ribbon.whole(labelPx(bytes), { mapping, kind: run.kind, stored: 0, start: at, bytes, label: sizeWords(bytes) });
    } else {
      if (gathered && (isSmall || (isNarrow(gathered) && isNarrow(run))))
        gathered = {
          kind: gathered.kind === run.kind ? run.kind : 'm',
          pages: gathered.pages + run.pages,
          stored: gathered.stored + run.stored,
          start: gathered.start,
        };
      else {
        flush();
        gathered = { ...run, start: at };
      }
    }
    at += BigInt(bytes);
  }
  flush();
}
