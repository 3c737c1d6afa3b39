import { addressWords, sizeWords } from '../src/cli/words.js';
import { PAGE_SIZE } from '../src/image/vma-status.js';
import { baseName, processName, type MapData, type MappingData, type Process } from './data.js';
import { bar, h, svg } from './dom.js';
import { layOut, runsOf, type Box } from './map-layout.js';
import { table } from './table.js';
import { Tooltip } from './tooltip.js';

const ROW = 31;
const BAR_TOP = 13;
const BAR = 12;

/** What the colours stand for: several kinds share one. */
const GROUPS: Readonly<Record<string, string>> = {
  heap: 'heap',
  stack: 'stack',
  anonymous: 'anon',
  file: 'file',
  'shared file': 'shared',
  'shared memory': 'shared',
  SysV: 'shared',
  memfd: 'shared',
};
const groupOf = (kind: string): string => GROUPS[kind] ?? 'other';
const GROUP_NAMES: readonly (readonly [group: string, name: string])[] = [
  ['heap', 'heap'],
  ['stack', 'stack'],
  ['anon', 'anonymous'],
  ['file', 'private file'],
  ['shared', 'shared memory, shared file'],
  ['other', 'made by the kernel, other'],
];

const STATES: Readonly<Record<string, string>> = {
  i: 'bytes in this set',
  p: 'bytes in a set before this one',
  z: 'never written (zeros)',
  f: 'as in the mapped file',
  e: 'behind the end of its file',
  k: 'made by the kernel',
  g: 'guard pages',
  l: 'left with a page server',
  x: 'missing from the images',
  m: 'several kinds',
};

export const mappingName = ({ name, kind }: MappingData): string => name ?? `[${kind}]`;

function tipOf({ mapping, kind, start, bytes, stored }: Box): readonly string[] {
  const range = (from: bigint, size: number) => `${addressWords(from)}-${addressWords(from + BigInt(size))}`;
  if (!mapping) return ['Nothing is mapped here', range(start, bytes), sizeWords(bytes)];
  const share = kind === 'm' ? `, ${Math.round(stored * 100)} % of it in images` : '';
  return [
    mappingName(mapping),
    `${range(BigInt(mapping.start), mapping.pages * PAGE_SIZE)}  ${mapping.prot}${mapping.marks ? `  ${mapping.marks.join(', ')}` : ''}`,
    `${mapping.kind}, ${sizeWords(mapping.pages * PAGE_SIZE)} in all`,
    `here: ${sizeWords(bytes)} at ${addressWords(start)}: ${STATES[kind] ?? kind}${share}`,
  ];
}

/** How a box is filled: the colour says what it is to the process, its strength whether its bytes are in the images. */
function fillOf({ mapping, kind, stored }: Box): string {
  if (!mapping) return 'hole';
  if (kind === 'x') return 'lost';
  const strength = kind === 'i' ? '4' : kind === 'p' ? 'p' : kind === 'm' ? String(Math.ceil(stored * 4)) : '0';
  return `${groupOf(mapping.kind)} s${strength}`;
}

/** The map as a picture. */
class MapPicture {
  readonly element = h('div', { class: 'map' });
  readonly #map: MapData;
  readonly #said: HTMLElement;
  readonly #tip: Tooltip;
  #rows: Box[][] = [];
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
    this.#rows = Array.from({ length: rows }, () => []);
    const paths = new Map<string, string[]>();
    const path = (name: string, d: string) => {
      const list = paths.get(name);
      if (list) list.push(d);
      else paths.set(name, [d]);
    };
    const labels: SVGElement[] = [];
    const free = new Array<number>(rows).fill(0);
    let named: MappingData | undefined;
    for (const box of boxes) {
      const { row, x, width: w, mapping, label } = box;
      this.#rows[row]!.push(box);
      const y = row * ROW + BAR_TOP;
      const box4 = (top: number, height: number) =>
        `M${x.toFixed(1)} ${top}h${w.toFixed(1)}v${height}h${(-w).toFixed(1)}z`;
      if (!mapping) path('hole', `M${x.toFixed(1)} ${y + BAR / 2}h${w.toFixed(1)}`);
      else path(fillOf(box), box4(y, BAR));
      if (mapping?.marks?.includes('shared')) path('mark', box4(y + BAR + 1, 2));
      if (mapping?.marks?.includes('huge')) path('mark', box4(y - 3, 2));
      if (label !== undefined) labels.push(svg('text', { x: x + w / 2, y: y + BAR - 2.5, class: 'size' }, label));
      if (mapping && mapping !== named) {
        named = mapping;
        const text = baseName(mappingName(mapping)).slice(0, 40);
        if (mapping.name !== undefined && x >= free[row]! && x + text.length * 6 <= width) {
          free[row] = x + text.length * 6 + 8;
          labels.push(svg('text', { x, y: y - 4, class: 'name' }, text));
        }
      }
    }
    this.#outline = svg('rect', { class: 'outline', visibility: 'hidden' });
    const height = rows * ROW + 2;
    this.element.replaceChildren(
      svg(
        'svg',
        { role: 'img', 'aria-label': this.#label, width, height, viewBox: `0 0 ${width} ${height}` },
        Array.from(paths, ([name, d]) => svg('path', { class: name, d: d.join('') })),
        labels,
        this.#outline,
      ),
      this.#tip.element,
    );
    this.#said.textContent = [
      `To scale: 100 px are ${sizeWords(bytesPerPx * 100)}.`,
      `${holes} unmapped ${holes === 1 ? 'hole is' : 'holes are'} cut short (a dotted line with its size)`,
      folds > 0
        ? `and so ${folds === 1 ? 'is 1 stretch' : `are ${folds} stretches`} longer than ${sizeWords(foldBytes)} without bytes in the images (their size is written in).`
        : '.',
      'A mapping is at least 3 px wide.',
    ]
      .join(' ')
      .replace(' .', '.');
  }

  #boxAt(event: PointerEvent): Box | undefined {
    const frame = this.element.getBoundingClientRect();
    const [x, y] = [event.clientX - frame.left, event.clientY - frame.top];
    return this.#rows[Math.floor(y / ROW)]?.find((box) => x >= box.x - 0.5 && x < box.x + box.width + 0.5);
  }

  #onPointer(event: PointerEvent): void {
    const box = this.#boxAt(event);
    if (!box) {
      this.#tip.hide();
      return;
    }
    const frame = this.element.getBoundingClientRect();
    this.#tip.show(event.clientX - frame.left, (box.row + 1) * ROW, tipOf(box));
  }

  /** Draws a line around all of a mapping; around nothing without one. */
  mark(mapping: MappingData | undefined): void {
    const boxes = this.#rows.flat().filter((box) => mapping !== undefined && box.mapping === mapping);
    const [first] = boxes;
    const outline = this.#outline;
    if (!outline) return;
    outline.setAttribute('visibility', first ? 'visible' : 'hidden');
    if (!first) return;
    const inRow = boxes.filter(({ row }) => row === first.row);
    const end = Math.max(...inRow.map(({ x, width }) => x + width));
    for (const [name, value] of Object.entries({
      x: first.x - 1.5,
      y: first.row * ROW + BAR_TOP - 1.5,
      width: end - first.x + 3,
      height: BAR + 3,
    }))
      outline.setAttribute(name, String(value));
  }
}

const swatch = (name: string, text: string): HTMLElement =>
  h(
    'li',
    {},
    svg(
      'svg',
      { class: 'swatch', width: 16, height: 12, 'aria-hidden': 'true' },
      svg('path', { class: name, d: 'M0 0h16v12h-16z' }),
    ),
    text,
  );

function legend(map: MapData): HTMLElement {
  const groups = new Set(map.mappings.map(({ kind }) => groupOf(kind)));
  const runs = map.mappings.map(({ runs }) => runs).join('');
  return h(
    'ul',
    { class: 'legend' },
    GROUP_NAMES.filter(([group]) => groups.has(group)).map(([group, name]) => swatch(`${group} s4`, name)),
    h('li', { class: 'break' }),
    swatch('anon s4', 'full colour: bytes in this set'),
    runs.includes('p') && swatch('anon sp', 'striped: bytes in a set before it'),
    swatch('anon s0', 'pale: no bytes in the images'),
    runs.includes('m') && swatch('anon s2', 'between: in part'),
    runs.includes('x') && swatch('lost', 'missing'),
    map.mappings.some(({ marks }) => marks?.includes('shared')) &&
      h('li', {}, h('span', { class: 'under', 'aria-hidden': 'true' }), 'line below: shared'),
    map.mappings.some(({ marks }) => marks?.includes('huge')) &&
      h('li', {}, h('span', { class: 'over', 'aria-hidden': 'true' }), 'line above: huge pages'),
  );
}

/** What of a mapping is in the images, in bytes. */
const storedBytes = ({ runs }: MappingData): number =>
  runsOf(runs).reduce((sum, run) => sum + run.stored, 0) * PAGE_SIZE;

/** In a table, where many stand. */
const SHORT: Readonly<Record<string, string>> = {
  i: 'here',
  p: 'before',
  z: 'zeros',
  f: 'in the file',
  e: 'behind its end',
  k: 'by the kernel',
  g: 'guard',
  l: 'page server',
  x: 'missing',
  m: 'mixed',
};

function stateWords({ runs }: MappingData): string {
  const sums = new Map<string, number>();
  for (const { kind, pages } of runsOf(runs)) sums.set(kind, (sums.get(kind) ?? 0) + pages);
  return Array.from(sums, ([kind, pages]) => `${sizeWords(pages * PAGE_SIZE)} ${SHORT[kind] ?? kind}`).join(', ');
}

/** The memory of a process: sums by kind, the map, and the same as a table. */
export function memoryPanel(process: Process): Node[] {
  const { map, memory } = process;
  if (!map || map.mappings.length === 0)
    return [
      h(
        'p',
        { class: 'none' },
        process.ended === undefined ? 'The images do not tell of its memory.' : 'A zombie has no memory.',
      ),
    ];
  const said = h('p', { class: 'said' });
  const sums = `${map.mappings.length} mappings, ${sizeWords(memory?.sizeBytes ?? 0)}, of which ${sizeWords(memory?.inImagesBytes ?? 0)} are in the images`;
  const picture = new MapPicture(
    map,
    `Memory map of process ${processName(process)}: ${sums}. The table of mappings below has all that the picture shows.`,
    said,
  );
  const whole = Math.max(1, memory?.inImagesBytes ?? 1);
  return [
    table(
      'Memory by kind',
      [
        {
          head: 'Kind',
          cell: ({ kind }) => [
            svg(
              'svg',
              { class: 'swatch', width: 10, height: 10, 'aria-hidden': 'true' },
              svg('path', { class: `${groupOf(kind)} s4`, d: 'M0 0h10v10h-10z' }),
            ),
            kind,
          ],
        },
        { head: 'Mappings', right: true, cell: ({ mappings }) => mappings },
        { head: 'Address space', right: true, cell: ({ sizeBytes }) => sizeWords(sizeBytes) },
        { head: 'In this set', right: true, cell: ({ inImagesBytes }) => sizeWords(inImagesBytes) },
        ...(memory && memory.inParentBytes > 0
          ? [
              {
                head: 'In sets before',
                right: true,
                cell: ({ inParentBytes }: { readonly inParentBytes: number }) =>
                  inParentBytes > 0 ? sizeWords(inParentBytes) : '',
              },
            ]
          : []),
        { head: 'Share', cell: ({ kind, inImagesBytes }) => bar(inImagesBytes / whole, groupOf(kind)) },
      ],
      memory?.kinds ?? [],
    ),
    h('h4', {}, 'Map'),
    legend(map),
    picture.element,
    said,
    ...(map.isCoarse
      ? [h('p', { class: 'said' }, 'There are more runs of pages than the page tells: short ones are taken together.')]
      : []),
    ...(map.left
      ? [
          h(
            'p',
            { class: 'said' },
            `${map.left.mappings} smaller mappings (${sizeWords(map.left.pages * PAGE_SIZE)}) are not shown.`,
          ),
        ]
      : []),
    h('h4', {}, 'Mappings'),
    table(
      'Mappings',
      [
        { head: 'Start', mono: true, right: true, cell: ({ start }) => addressWords(BigInt(start)) },
        { head: 'Size', right: true, cell: ({ pages }) => sizeWords(pages * PAGE_SIZE) },
        {
          head: 'In images',
          right: true,
          cell: (mapping) => (storedBytes(mapping) > 0 ? sizeWords(storedBytes(mapping)) : ''),
        },
        { head: 'Prot', mono: true, cell: ({ prot }) => prot },
        { head: 'What', mono: true, wide: true, cell: mappingName },
        { head: 'Kind', cell: ({ kind, marks }) => [kind, ...(marks ?? [])].join(', ') },
        { head: 'Bytes are', wide: true, cell: stateWords },
      ],
      map.mappings,
      (mapping, row) => {
        row.addEventListener('pointerenter', () => picture.mark(mapping));
        row.addEventListener('pointerleave', () => picture.mark(undefined));
      },
    ),
  ];
}
