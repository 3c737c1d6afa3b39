import { data } from './data.js';
import { numbersWords } from '../src/cli/words.js';
import { h, section } from './dom.js';
import { sharingPicture } from './sharing-picture.js';
import { table } from './table.js';

interface Shared {
  readonly kind: string;
  readonly label: string;
  readonly holders: string;
  readonly count: number;
}

/** Who has something, put together by how: "fd 3: 12, 14-20". */
function holdersWords(holders: readonly (readonly [pid: number, how: string])[]): string {
  const byHow = new Map<string, number[]>();
  for (const [pid, how] of holders) {
    const list = byHow.get(how);
    if (list) list.push(pid);
    else byHow.set(how, [pid]);
  }
  const who = (pids: readonly number[]) =>
    pids.length > 2 && pids.length === data.processes.length ? 'all' : numbersWords(pids);
  return Array.from(byHow, ([how, pids]) => `${how}: ${who(pids)}`).join('; ');
}

/** A line for each thing that is shared. */
function rows(): Shared[] {
  const held = new Map<string, Map<string, string[]>>();
  for (const { from, to, label } of data.sharing.edges) {
    if (label === 'child') continue;
    const by = held.get(to) ?? new Map<string, string[]>();
    held.set(to, by);
    const how = by.get(from) ?? [];
    by.set(from, how);
    how.push(label);
  }
  return data.sharing.nodes.flatMap(({ id, kind, label }) => {
    const by = held.get(id);
    if (kind === 'process' || !by) return [];
    const pids = Array.from(by, ([who, how]) => [Number(who.replace('process ', '')), how.join(', ')] as const);
    const holders = holdersWords(pids);
    return [{ kind, label, holders, count: by.size }];
  });
}

/** Who shares what, and the sockets and terminals of the set. */
export function sharingSection(): HTMLElement {
  const shared = rows().sort((a, b) => b.count - a.count);
  return section(
    'sharing',
    'Sharing',
    'Pipes, connections, terminals, memory, open files, locks and descriptor tables that more than one process has, or one has twice. Processes that share the same things, and things that the same processes share, are taken together.',
    sharingPicture(),
    h('h3', {}, 'What is shared'),
    table(
      'What is shared',
      [
        { head: 'Kind', cell: ({ kind }) => kind },
        { head: 'What', mono: true, wide: true, cell: ({ label }) => label },
        { head: 'Processes', right: true, cell: ({ count }) => count },
        { head: 'Who has it, and how', wide: true, cell: ({ holders }) => holders },
      ],
      shared,
    ),
    data.sockets.length > 0 && [
      h('h3', {}, 'Sockets'),
      table(
        'Sockets',
        [
          { head: 'Family', cell: ({ family }) => family },
          { head: 'Type', isSparse: true, cell: ({ type }) => type },
          { head: 'Protocol', isSparse: true, cell: ({ protocol }) => protocol },
          { head: 'State', isSparse: true, cell: ({ state }) => state },
          { head: 'Local', isSparse: true, mono: true, wide: true, cell: ({ local }) => local },
          { head: 'Peer', isSparse: true, mono: true, wide: true, cell: ({ peer }) => peer },
          { head: 'Queued in', isSparse: true, right: true, cell: ({ queued_in }) => queued_in || '' },
          { head: 'Queued out', isSparse: true, right: true, cell: ({ queued_out }) => queued_out || '' },
          { head: 'Owners', cell: ({ owners }) => holdersWords(owners.map(({ pid, fd }) => [pid, `fd ${fd}`])) },
        ],
        data.sockets,
      ),
    ],
    data.terminals.length > 0 && [
      h('h3', {}, 'Terminals'),
      table(
        'Terminals',
        [
          { head: 'Name', mono: true, cell: ({ name, id }) => name ?? `terminal ${id}` },
          { head: 'Kind', cell: ({ kind }) => kind },
          { head: 'Session', right: true, cell: ({ session }) => session || '' },
          { head: 'Foreground', right: true, cell: ({ foreground }) => foreground || '' },
          {
            head: 'Size',
            right: true,
            cell: ({ rows, columns }) => (rows === undefined ? '' : `${columns} × ${rows}`),
          },
          { head: 'Unread', isSparse: true, right: true, cell: ({ unreadBytes }) => unreadBytes || '' },
          { head: 'Settings', isSparse: true, wide: true, cell: ({ settings }) => settings.join(' ') },
        ],
        data.terminals,
      ),
    ],
  );
}
