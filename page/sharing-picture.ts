import { data } from './data.js';
import { h, svg } from './dom.js';
import { fitted } from './fitted.js';
import { groupGraph, type GraphGroup, type GroupedGraph } from './sharing-groups.js';

const ROW = 26;
const CHAR = 7;
const MOST_CHARS = 46;
/** Between the two sides. */
const LEAST_GAP = 140;
const MOST_GAP = 480;

const kindClass = (kind: string): string => `k-${kind.replaceAll(' ', '-')}`;

const textPx = (all: readonly GraphGroup[]): number =>
  Math.min(MOST_CHARS, Math.max(...all.map(({ name }) => name.length))) * CHAR + 20;

function draw({ left, right, links }: GroupedGraph, label: string, width: number): SVGElement {
  const [leftPx, rightPx] = [textPx(left), textPx(right)];
  const gap = Math.max(LEAST_GAP, Math.min(MOST_GAP, width - leftPx - rightPx));
  const height = Math.max(left.length, right.length) * ROW + 8;
  const at = (i: number, count: number) => height / 2 + (i + 0.5 - count / 2) * ROW;
  const lines = links.map(({ from, to, kind }) => {
    const [y1, y2] = [at(from, left.length), at(to, right.length)];
    const [x1, x2] = [leftPx, leftPx + gap];
    const d = `M${x1} ${y1}C${x1 + gap / 2} ${y1} ${x2 - gap / 2} ${y2} ${x2} ${y2}`;
    return svg('path', { class: `link ${kindClass(kind)}`, d });
  });
  const light = (is: (link: GroupedGraph['links'][number]) => boolean) => {
    for (const [i, line] of lines.entries()) line.classList.toggle('dim', !is(links[i]!));
  };
  const node = ({ name, title, kind }: GraphGroup, y: number, isLeft: boolean, over: () => void) => {
    const x = isLeft ? leftPx : leftPx + gap;
    const shownName = name.length > MOST_CHARS ? `${name.slice(0, MOST_CHARS - 1)}…` : name;
    return svg(
      'g',
      { class: `node ${kindClass(kind)}`, pointerenter: over, pointerleave: () => light(() => true) },
      svg('title', {}, title),
      svg('rect', {
        x: isLeft ? 0 : x,
        y: y - ROW / 2,
        width: isLeft ? leftPx : rightPx,
        height: ROW,
        class: 'hit',
      }),
      svg('circle', { cx: x, cy: y, r: 4.5 }),
      svg('text', { x: isLeft ? x - 12 : x + 12, y: y + 4, 'text-anchor': isLeft ? 'end' : 'start' }, shownName),
    );
  };
  const all = Math.max(width, leftPx + gap + rightPx);
  return svg(
    'svg',
    { role: 'img', 'aria-label': label, width: all, height, viewBox: `0 0 ${all} ${height}` },
    lines,
    left.map((group, i) => node(group, at(i, left.length), true, () => light(({ from }) => from === i))),
    right.map((group, i) => node(group, at(i, right.length), false, () => light(({ to }) => to === i))),
  );
}

/** Processes on the left, what they share on the right; nothing where nothing is shared. */
export function sharingPicture(): Node[] {
  const graph = groupGraph(data.sharing);
  const { left, right, links, hidden } = graph;
  if (links.length === 0) return [];
  const label = `Who shares what: ${left.length} groups of processes and ${right.length} groups of things that they share. The table below has the same.`;
  const kinds = [...new Set(right.map(({ kind }) => kind))];
  const swatch = (kind: string) =>
    svg(
      'svg',
      { class: `swatch ${kindClass(kind)}`, width: 12, height: 12, 'aria-hidden': 'true' },
      svg('circle', { cx: 6, cy: 6, r: 4.5 }),
    );
  return [
    h(
      'ul',
      { class: 'legend' },
      kinds.map((kind) => h('li', {}, swatch(kind), kind)),
    ),
    fitted('graph', 'Graph of what is shared', 300, (width) => draw(graph, label, width)),
    ...(hidden > 0 ? [h('p', { class: 'said' }, `${hidden} more are in the table only.`)] : []),
  ];
}
