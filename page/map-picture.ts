import { sizeWords } from '../src/cli/words.js';
import { baseName, type MapData, type MappingData } from './data.js';
import { h, svg } from './dom.js';
import { layOut, type Box } from './map-layout.js';
import { fillOf, mappingName, tipOf } from './map-words.js';
import { Tooltip } from './tooltip.js';

/** A row, and what it has above it where mappings are named. */
const ROW = 20;
const NAME = 12;
const BAR = 12;
/** Of a name, in px. */
const CHAR = 6;
const MOST_CHARS = 40;

/** A power of two, so many bytes that a tick is about every 60 px. */
const rulerUnit = (bytesPerPx: number): number => 2 ** Math.max(12, Math.round(Math.log2(bytesPerPx * 60)));

/** Where in a box the addresses are that are multiples of a unit, in px. */
function* multiples({ x, width, start, bytes, before }: Box, unit: number, bytesPerPx: number): Generator<number> {
  // what is too small is not to scale
  if (bytes / bytesPerPx < width * 0.9) return;
  const first = Number(-start & BigInt(unit - 1));
  const from = Math.max(0, Math.ceil((before * bytesPerPx - first) / unit));
  for (let at = first + from * unit; at < (before + width) * bytesPerPx; at += unit)
    if (at > 0) yield x + at / bytesPerPx - before;
}

interface Row {
  readonly boxes: Box[];
  readonly names: { readonly x: number; readonly text: string }[];
  /** Of its bars, in px. */
  top: number;
}

/** The map of an address space as a picture. */
export class MapPicture {
  readonly element = h('div', { class: 'map' });
  readonly #map: MapData;
  readonly #said: HTMLElement;
  readonly #tip: Tooltip;
  #rows: Row[] = [];
  #width = 0;
  #outline: SVGElement | undefined;
  readonly #label: string;

  constructor(map: MapData, label: string, said: HTMLElement) {
    this.#map = map;
    this.#said = said;
    this.#label = label;
    this.#tip = new Tooltip(this.element);
    new ResizeObserver(() => this.#draw()).observe(this.element);
    this.element.addEventListener('pointermove', (event) => this.#onPointer(event));
    this.element.addEventListener('pointerdown', (event) => this.#onPointer(event));
    this.element.addEventListener('pointerleave', () => this.#tip.hide());
  }

  #draw(): void {
    const width = Math.floor(this.element.clientWidth);
    if (width === this.#width || width < 40) return;
    this.#width = width;
    const { boxes, rows, bytesPerPx, folds, foldBytes, holes } = layOut(this.#map, width);
    const unit = rulerUnit(bytesPerPx);
    this.#place(boxes, rows, width);
    const paths = new Map<string, string[]>();
    const path = (name: string, d: string) => {
      const list = paths.get(name);
      if (list) list.push(d);
      else paths.set(name, [d]);
    };
    const sizes: SVGElement[] = [];
    const ruler: string[] = [];
    for (const box of boxes) {
      const { row, x, width: w, mapping, label } = box;
      const y = this.#rows[row]!.top;
      const box4 = (top: number, height: number) =>
        `M${x.toFixed(1)} ${top}h${w.toFixed(1)}v${height}h${(-w).toFixed(1)}z`;
      if (!mapping) path('hole', `M${x.toFixed(1)} ${y + BAR / 2}h${w.toFixed(1)}`);
      else path(fillOf(box), box4(y, BAR));
      if (mapping && label === undefined)
        for (const at of multiples(box, unit, bytesPerPx)) ruler.push(`M${at.toFixed(1)} ${y}v${BAR}`);
      if (mapping?.marks?.includes('shared')) path('mark', box4(y + BAR + 1, 2));
      if (mapping?.marks?.includes('huge')) path('mark', box4(y - 3, 2));
      if (label !== undefined) sizes.push(svg('text', { x: x + w / 2, y: y + BAR - 2.5, class: 'size' }, label));
    }
    this.#outline = svg('rect', { class: 'outline', visibility: 'hidden' });
    const height = this.#rows.at(-1)!.top + BAR + 5;
    this.element.replaceChildren(
      svg(
        'svg',
        { role: 'img', 'aria-label': this.#label, width, height, viewBox: `0 0 ${width} ${height}` },
        Array.from(paths, ([name, d]) => svg('path', { class: name, d: d.join('') })),
        svg('path', { class: 'ruler', d: ruler.join('') }),
        sizes,
        this.#rows.flatMap(({ names, top }) =>
          names.map(({ x, text }) => svg('text', { x, y: top - 4, class: 'name' }, text)),
        ),
        this.#outline,
      ),
      this.#tip.element,
    );
    this.#said.textContent = [
      `To scale: from tick to tick it is ${sizeWords(unit)}.`,
      `${holes} unmapped ${holes === 1 ? 'hole is' : 'holes are'} cut short (a dotted line with its size)`,
      folds > 0
        ? `and so ${folds === 1 ? 'is 1 stretch' : `are ${folds} stretches`} longer than ${sizeWords(foldBytes)} without bytes in the images (their size is written in).`
        : '.',
      'A mapping is at least 3 px wide.',
    ]
      .join(' ')
      .replace(' .', '.');
  }

  /** Puts boxes into their rows; a row where mappings are named is higher. */
  #place(boxes: readonly Box[], rows: number, width: number): void {
    this.#rows = Array.from({ length: rows }, () => ({ boxes: [], names: [], top: 0 }));
    let named: MappingData | undefined;
    let last = '';
    for (const box of boxes) {
      const { boxes: inRow, names } = this.#rows[box.row]!;
      inRow.push(box);
      if (!box.mapping || box.mapping === named) continue;
      named = box.mapping;
      const text = baseName(mappingName(named)).slice(0, MOST_CHARS);
      const before = names.at(-1);
      const free = before ? before.x + before.text.length * CHAR + 8 : 0;
      if (named.name === undefined || text === last || box.x < free || box.x + text.length * CHAR > width) continue;
      names.push({ x: box.x, text });
      last = text;
    }
    let top = 0;
    for (const row of this.#rows) {
      top += row.names.length > 0 ? NAME : 0;
      row.top = top;
      top += ROW;
    }
  }

  #boxAt(event: PointerEvent): Box | undefined {
    const frame = this.element.getBoundingClientRect();
    const [x, y] = [event.clientX - frame.left, event.clientY - frame.top];
    const row = this.#rows.find(({ top }) => y >= top - 3 && y < top + ROW - 3);
    return row?.boxes.find((box) => x >= box.x - 0.5 && x < box.x + box.width + 0.5);
  }

  #onPointer(event: PointerEvent): void {
    const box = this.#boxAt(event);
    if (!box) {
      this.#tip.hide();
      return;
    }
    const frame = this.element.getBoundingClientRect();
    this.#tip.show(event.clientX - frame.left, this.#rows[box.row]!.top + ROW, tipOf(box));
  }

  /** Draws a line around all of a mapping; around nothing without one. */
  mark(mapping: MappingData | undefined): void {
    const boxes = this.#rows
      .flatMap((row) => row.boxes)
      .filter((box) => mapping !== undefined && box.mapping === mapping);
    const [first] = boxes;
    const outline = this.#outline;
    if (!outline) return;
    outline.setAttribute('visibility', first ? 'visible' : 'hidden');
    if (!first) return;
    const inRow = boxes.filter(({ row }) => row === first.row);
    const end = Math.max(...inRow.map(({ x, width }) => x + width));
    for (const [name, value] of Object.entries({
      x: first.x - 1.5,
      y: this.#rows[first.row]!.top - 1.5,
      width: end - first.x + 3,
      height: BAR + 3,
    }))
      outline.setAttribute(name, String(value));
  }
}
