import { addressWords, sizeWords } from '../src/cli/words.js';
import { counted } from '../src/image/count-words.js';
import { baseName, data } from './data.js';
import { add, bar, h, section } from './dom.js';
import { table } from './table.js';

type Diff = NonNullable<typeof data.diff>;
type Changes = Diff['images'][string];

const changeTable = (caption: string, changes: Changes): HTMLElement =>
  table(
    caption,
    [
      { head: 'What', mono: true, wide: true, cell: ({ path }) => path },
      {
        head: 'Before',
        mono: true,
        wide: true,
        cell: ({ before }) =>
          before === undefined ? h('em', {}, 'not there') : h('span', { class: 'before' }, before),
      },
      {
        head: 'After',
        mono: true,
        wide: true,
        cell: ({ after }) => (after === undefined ? h('em', {}, 'not there') : h('span', { class: 'after' }, after)),
      },
    ],
    changes,
  );

function memoryWords(memory: Diff['processes'][number]['memory']): string {
  if (!memory || memory.ranges.length === 0) return 'none';
  const { pagesChanged, pagesCompared, pagesOnlyBefore, pagesOnlyAfter, bytesChanged } = memory;
  return [
    `${pagesChanged} of ${pagesCompared} pages (${sizeWords(bytesChanged)})`,
    ...(pagesOnlyBefore > 0 ? [`${pagesOnlyBefore} only before`] : []),
    ...(pagesOnlyAfter > 0 ? [`${pagesOnlyAfter} only after`] : []),
  ].join(', ');
}

/** What is inside is built when it is opened. */
function opens(summary: readonly (Node | string)[], make: () => readonly Node[]): HTMLElement {
  const element = h('details', { class: 'opens' }, h('summary', {}, [...summary]));
  const build = () => {
    if (element.childElementCount === 1) add(element, make());
  };
  element.addEventListener('toggle', build);
  window.addEventListener('beforeprint', () => {
    build();
    element.open = true;
  });
  return element;
}

function processChange({ pid, pidAfter, comm, sections, memory }: Diff['processes'][number]): HTMLElement {
  const names = Object.entries(sections).map(([name, changes]) => `${name} ${changes.length}`);
  const share = memory && memory.pagesCompared > 0 ? memory.pagesChanged / memory.pagesCompared : 0;
  return opens(
    [
      h('strong', {}, `${pid}${pidAfter === pid ? '' : ` → ${pidAfter}`} ${comm ?? '?'}`),
      h(
        'span',
        { class: 'muted' },
        ` ${names.join(', ')}${names.length > 0 ? '; ' : ''}memory: ${memoryWords(memory)} `,
      ),
      ...(share > 0 ? [bar(share, 'anon')] : []),
    ],
    () => [
      ...Object.entries(sections).flatMap(([name, changes]) => [
        h('h4', {}, name),
        changeTable(`${pid}: ${name}`, changes),
      ]),
      ...(memory && memory.ranges.length > 0
        ? [
            h('h4', {}, 'Pages'),
            table(
              `${pid}: pages that differ, the first`,
              [
                { head: 'Address', mono: true, right: true, cell: ({ start }) => addressWords(BigInt(start)) },
                { head: 'Pages', right: true, cell: ({ pages }) => pages },
                { head: 'How', cell: ({ kind }) => (kind === 'changed' ? 'changed' : `only ${kind}`) },
              ],
              memory.ranges,
            ),
          ]
        : []),
    ],
  );
}

/** How the other checkpoint differs; nothing where none was given. */
export function changesSection(): HTMLElement | undefined {
  const { diff } = data;
  if (!diff) return undefined;
  const { removed, added, processes, images, isSame } = diff;
  const who = (list: Diff['removed']) => list.map(({ pid, comm }) => h('li', {}, `${pid} ${comm ?? '?'}`));
  const many = (list: readonly unknown[], what: string) =>
    list.length > 0 ? [`${counted(list.length, 'process', 'processes')} ${what}`] : [];
  const words = [
    ...many(removed, 'gone'),
    ...many(added, 'new'),
    ...many(processes, 'changed'),
    ...(Object.keys(images).length > 0 ? [`${counted(Object.keys(images).length, 'image')} changed`] : []),
  ];
  return section(
    'changes',
    'Changes',
    isSame
      ? `${baseName(diff.path)} is the same, but for numbers that each dump makes up.`
      : `From this set to ${diff.path}: ${words.join(', ')}. Numbers that each dump makes up are left out.`,
    removed.length > 0 && [h('h3', {}, 'Gone'), h('ul', { class: 'before' }, who(removed))],
    added.length > 0 && [h('h3', {}, 'New'), h('ul', { class: 'after' }, who(added))],
    processes.length > 0 && [
      h('h3', {}, 'Changed processes'),
      h('div', { class: 'list' }, processes.map(processChange)),
    ],
    Object.keys(images).length > 0 && [
      h('h3', {}, 'Images'),
      h(
        'div',
        { class: 'list' },
        Object.entries(images).map(([image, changes]) =>
          opens(
            [
              h('strong', { class: 'mono' }, image),
              h('span', { class: 'muted' }, ` ${counted(changes.length, 'change')}`),
            ],
            () => [changeTable(image, changes)],
          ),
        ),
      ),
    ],
  );
}
