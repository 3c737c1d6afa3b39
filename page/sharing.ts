import { data } from './data.js';
import { h, section, svg } from './dom.js';
import { groupGraph, type GraphGroup } from './sharing-groups.js';
import { table } from './table.js';

const ROW = 26;
const CHAR = 7;

const kindClass = (kind: string): string => `k-${kind.replaceAll(' ', '-')}`;

/** Processes on the left, what they share on the right. */
function picture(): Node[] {
  const { left, right, links, hidden } = groupGraph(data.sharing);
  if (links.length === 0) return [];
  const label = `Who shares what: ${left.length} groups of processes and ${right.length} groups of things that they share. The table below has the same.`;
  const holder = h('div', { class: 'graph', tabindex: 0, role: 'region', 'aria-label': 'Graph of what is shared' });
  const text = (all: readonly GraphGroup[]) => Math.min(46, Math.max(...all.map(({ name }) => name.length)));
  const [leftWidth, rightWidth] = [text(left) * CHAR + 16, text(right) * CHAR + 16];
  const width = leftWidth + 220 + rightWidth;
  const height = Math.max(left.length, right.length) * ROW + 8;
  const at = (i: number, count: number) => 4 + (i + 0.5) * ROW + ((height - 8 - count * ROW) * 1) / 2;
  const lines = links.map(({ from, to, kind }) => {
    const [y1, y2] = [at(from, left.length), at(to, right.length)];
    const [x1, x2] = [leftWidth, leftWidth + 220];
    return svg('path', {
      class: `link ${kindClass(kind)}`,
      d: `M${x1} ${y1}C${x1 + 100} ${y1} ${x2 - 100} ${y2} ${x2} ${y2}`,
    });
  });
  const light = (is: (link: (typeof links)[number]) => boolean) => () => {
    for (const [i, line] of lines.entries()) line.classList.toggle('dim', !is(links[i]!));
  };
  const clear = () => {
    for (const line of lines) line.classList.remove('dim');
  };
  const node = ({ name, title, kind }: GraphGroup, x: number, y: number, isLeft: boolean, over: () => void) => {
    const shownName = name.length > 46 ? `${name.slice(0, 45)}…` : name;
    return svg(
      'g',
      { class: `node ${kindClass(kind)}`, pointerenter: over, pointerleave: clear },
      svg('title', {}, title),
      svg('rect', {
        x: isLeft ? 0 : x,
        y: y - ROW / 2,
        width: isLeft ? leftWidth : rightWidth,
        height: ROW,
        class: 'hit',
      }),
      svg('circle', { cx: x, cy: y, r: 4.5 }),
      svg('text', { x: isLeft ? x - 11 : x + 11, y: y + 4, 'text-anchor': isLeft ? 'end' : 'start' }, shownName),
    );
  };
  holder.append(
    svg(
      'svg',
      { role: 'img', 'aria-label': label, width, height, viewBox: `0 0 ${width} ${height}` },
      lines,
      left.map((group, i) =>
        node(
          group,
          leftWidth,
          at(i, left.length),
          true,
          light(({ from }) => from === i),
        ),
      ),
      right.map((group, i) =>
        node(
          group,
          leftWidth + 220,
          at(i, right.length),
          false,
          light(({ to }) => to === i),
        ),
      ),
    ),
  );
  const kinds = [...new Set(right.map(({ kind }) => kind))];
  const legend = h(
    'ul',
    { class: 'legend' },
    kinds.map((kind) =>
      h(
        'li',
        {},
        svg(
          'svg',
          { class: `swatch ${kindClass(kind)}`, width: 12, height: 12, 'aria-hidden': 'true' },
          svg('circle', { cx: 6, cy: 6, r: 4.5 }),
        ),
        kind,
      ),
    ),
  );
  const said = hidden > 0 ? [h('p', { class: 'said' }, `${hidden} more are in the table only.`)] : [];
  return [legend, holder, ...said];
}

interface Shared {
  readonly kind: string;
  readonly label: string;
  readonly holders: string;
  readonly count: number;
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
    const holders = Array.from(by, ([who, how]) => `${who.replace('process ', '')} (${how.join(', ')})`).join(', ');
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
    picture(),
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
    h('h3', {}, 'Sockets'),
    table(
      'Sockets',
      [
        { head: 'Family', cell: ({ family }) => family },
        { head: 'Type', cell: ({ type }) => type },
        { head: 'Protocol', cell: ({ protocol }) => protocol },
        { head: 'State', cell: ({ state }) => state },
        { head: 'Local', mono: true, wide: true, cell: ({ local }) => local },
        { head: 'Peer', mono: true, wide: true, cell: ({ peer }) => peer },
        { head: 'Queued in', right: true, cell: ({ queued_in }) => queued_in || '' },
        { head: 'Queued out', right: true, cell: ({ queued_out }) => queued_out || '' },
        { head: 'Owners', cell: ({ owners }) => owners.map(({ pid, fd }) => `${pid} (fd ${fd})`).join(', ') },
      ],
      data.sockets,
    ),
    h('h3', {}, 'Terminals'),
    table(
      'Terminals',
      [
        { head: 'Name', mono: true, cell: ({ name, id }) => name ?? `terminal ${id}` },
        { head: 'Kind', cell: ({ kind }) => kind },
        { head: 'Session', right: true, cell: ({ session }) => session || '' },
        { head: 'Foreground', right: true, cell: ({ foreground }) => foreground || '' },
        { head: 'Size', right: true, cell: ({ rows, columns }) => (rows === undefined ? '' : `${columns} × ${rows}`) },
        { head: 'Unread', right: true, cell: ({ unreadBytes }) => unreadBytes || '' },
        { head: 'Settings', wide: true, cell: ({ settings }) => settings.join(' ') },
      ],
      data.terminals,
    ),
  );
}
