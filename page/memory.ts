import { addressWords, sizeWords } from '../src/cli/words.js';
import { PAGE_SIZE } from '../src/image/vma-status.js';
import { mapOf, processName, type MapData, type MappingData, type Process } from './data.js';
import { bar, h, svg } from './dom.js';
import { runsOf } from './map-layout.js';
import { MapPicture } from './map-picture.js';
import { GROUP_NAMES, groupOf, mappingName } from './map-words.js';
import { table } from './table.js';

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
  const { memory } = process;
  const map = mapOf(process);
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
  // what is shared is no process's own, and stands in the map
  const sharedWords = new Map<string, string>();
  for (const { kind } of memory?.kinds ?? []) {
    const bytes = map.mappings.filter((one) => one.kind === kind).reduce((sum, one) => sum + storedBytes(one), 0);
    if (bytes > 0) sharedWords.set(kind, `${sizeWords(bytes)} (shared)`);
  }
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
        {
          head: 'In this set',
          right: true,
          cell: ({ kind, inImagesBytes }) =>
            inImagesBytes > 0 ? sizeWords(inImagesBytes) : (sharedWords.get(kind) ?? ''),
        },
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
        { head: 'Start', mono: true, cell: ({ start }) => addressWords(BigInt(start)) },
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
