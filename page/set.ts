import { numbersWords } from '../src/cli/words.js';
import { data } from './data.js';
import { h, section } from './dom.js';
import { table } from './table.js';

/** What surrounds the processes. */
export function setSection(): HTMLElement {
  const { namespaces, mounts, cgroups } = data;
  return section(
    'surroundings',
    'Surroundings',
    undefined,
    h('h3', {}, 'Namespaces'),
    table(
      'Namespaces',
      [
        { head: 'Kind', cell: ({ kind }) => kind },
        { head: 'Id', right: true, cell: ({ id }) => id },
        { head: 'Whose', cell: ({ isDumped }) => (isDumped ? 'dumped' : 'of whoever dumped') },
        { head: 'Processes', cell: ({ pids }) => (pids.length === data.processes.length ? 'all' : numbersWords(pids)) },
        { head: 'Detail', wide: true, cell: ({ detail }) => detail },
      ],
      namespaces,
    ),
    mounts.length > 0 && [
      h('h3', {}, 'Mounts'),
      table(
        'Mounts',
        [
          { head: 'Id', right: true, cell: ({ id }) => id },
          { head: 'On', right: true, cell: ({ parent }) => parent },
          { head: 'Mount point', mono: true, wide: true, cell: ({ mountpoint }) => mountpoint },
          { head: 'Type', cell: ({ type }) => type ?? '?' },
          { head: 'Source', mono: true, cell: ({ source }) => source },
          { head: 'Root', mono: true, wide: true, cell: ({ root }) => root },
          {
            head: 'Options',
            wide: true,
            cell: ({ options, external }) =>
              [...options, ...(external === undefined ? [] : [`external ${external}`])].join(','),
          },
        ],
        mounts,
      ),
    ],
    cgroups.length > 0 && [
      h('h3', {}, 'Control groups'),
      table(
        'Control groups',
        [
          { head: 'Set', right: true, cell: ({ id }) => id },
          { head: 'Hierarchy', cell: ({ hierarchy }) => hierarchy },
          { head: 'Path', mono: true, wide: true, cell: ({ path }) => path },
          { head: 'Whose', cell: ({ isEngines }) => (isEngines ? 'of whoever dumped' : 'dumped') },
        ],
        cgroups.flatMap(({ id, isEngines, members }) => members.map((member) => ({ ...member, id, isEngines }))),
      ),
    ],
  );
}
