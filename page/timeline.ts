import { sizeWords, timeWords } from '../src/cli/words.js';
import { PAGE_SIZE } from '../src/image/vma-status.js';
import { data } from './data.js';
import { facts, h, section, svg } from './dom.js';
import { fitted } from './fitted.js';
import { table } from './table.js';

interface Span {
  readonly name: string;
  readonly startSec: number;
  readonly endSec: number;
  /** How long is known, and not when. */
  readonly isLoose?: boolean;
}
interface Mark {
  readonly sec: number;
  readonly kind: string;
}

const ROW = 28;
/** Bars cannot be read in less. */
const LEAST_PX = 520;
const CHAR = 6.7;
const MOST_CHARS = 40;
const MOST_ROWS = 40;

/** About five round numbers up to a time. */
function ticks(endSec: number): number[] {
  const raw = endSec / 5;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= raw) ?? raw;
  return Array.from({ length: Math.floor(endSec / step + 1e-9) + 1 }, (_, i) => i * step);
}

const classOf = (name: string): string =>
  ['freezing', 'frozen', 'memory read', 'memory written'].includes(name) ? name.replace(' ', '-') : 'step';

/** Bars over time. */
function draw(
  label: string,
  spans: readonly Span[],
  endSec: number,
  marks: readonly Mark[],
  width: number,
): SVGElement {
  const rows = spans.slice(0, MOST_ROWS);
  const left = Math.min(MOST_CHARS, Math.max(...rows.map(({ name }) => name.length))) * CHAR + 24;
  const room = width - left - 80;
  const x = (sec: number) => left + (sec / endSec) * room;
  const top = 24;
  const height = top + rows.length * ROW + (marks.length > 0 ? 20 : 4);
  const frozen = spans.find(({ name }) => name === 'frozen');
  return svg(
    'svg',
    {
      role: 'img',
      'aria-label': `${label}: ${spans.map((span) => `${span.name} ${timeWords(span.endSec - span.startSec)}`).join(', ')}`,
      width,
      height,
      viewBox: `0 0 ${width} ${height}`,
    },
    frozen &&
      svg('rect', {
        class: 'pause',
        x: x(frozen.startSec),
        y: top - 2,
        width: Math.max(1, x(frozen.endSec) - x(frozen.startSec)),
        height: height - top,
      }),
    ticks(endSec).map((sec) => [
      svg('path', { class: 'tick', d: `M${x(sec).toFixed(1)} ${top - 4}V${height}` }),
      svg('text', { x: x(sec), y: 13, class: 'axis' }, sec === 0 ? '0' : timeWords(sec)),
    ]),
    rows.map(({ name, startSec, endSec: end, isLoose }, i) => {
      const y = top + i * ROW;
      const long = Math.max(2, x(end) - x(startSec));
      return [
        svg('text', { x: left - 12, y: y + 17, class: 'lane' }, name.slice(0, MOST_CHARS)),
        svg('rect', {
          class: `span ${classOf(name)}${isLoose ? ' loose' : ''}`,
          x: x(startSec),
          y: y + 5,
          width: long,
          height: ROW - 11,
          rx: 3,
        }),
        svg('text', { x: x(startSec) + long + 6, y: y + 17, class: 'took' }, timeWords(end - startSec)),
      ];
    }),
    marks.map(({ sec, kind }) => svg('circle', { class: `event ${kind}`, cx: x(sec), cy: height - 9, r: 3.5 })),
  );
}

const gantt = (label: string, spans: readonly Span[], endSec: number, marks: readonly Mark[] = []): Node =>
  fitted('gantt', label, LEAST_PX, (width) => draw(label, spans, endSec, marks, width));

/** By stats-dump alone: how long each took is known; memory is read and written while all is frozen, or after. */
function byStatistics(): Node[] {
  const { stats } = data;
  if (!stats) return [];
  const { freezingSec, frozenSec, memdumpSec, memwriteSec } = stats;
  const spans: Span[] = [
    { name: 'freezing', startSec: 0, endSec: freezingSec },
    { name: 'frozen', startSec: freezingSec, endSec: freezingSec + frozenSec },
    { name: 'memory read', startSec: freezingSec, endSec: freezingSec + memdumpSec, isLoose: true },
    {
      name: 'memory written',
      startSec: freezingSec + memdumpSec,
      endSec: freezingSec + memdumpSec + memwriteSec,
      isLoose: true,
    },
  ];
  const endSec = Math.max(1e-6, ...spans.map((span) => span.endSec));
  return [
    gantt('Times of the dump', spans, endSec),
    h(
      'p',
      { class: 'said' },
      'From stats-dump. It tells how long memory was read and written (dashed), and not when: they are drawn from the start of the pause.',
    ),
  ];
}

function byLog(): Node[] {
  const { log } = data;
  if (!log || log.spans.length + log.marks.length === 0) return [];
  const spans = [...log.spans].sort((a, b) => a.startSec - b.startSec);
  return [
    gantt('Times of the dump by its log', spans, Math.max(1e-6, log.endSec), log.marks),
    h(
      'p',
      { class: 'said' },
      `From ${log.file}: ${log.lines} lines${log.isCut ? ' (only its beginning was read)' : ''}. Dots below are lines of the log: steps, warnings and errors, which the list has.`,
      spans.length > MOST_ROWS && ` ${spans.length - MOST_ROWS} more spans are not drawn.`,
    ),
    table(
      'Lines of the log',
      [
        { head: 'Time', right: true, mono: true, cell: ({ sec }) => timeWords(sec) },
        { head: 'Kind', cell: ({ kind }) => h('span', { class: `tag ${kind}` }, kind) },
        { head: 'Line', mono: true, wide: true, cell: ({ text }) => text },
      ],
      log.marks,
    ),
  ];
}

/** How the dump went. */
export function timelineSection(): HTMLElement {
  const { stats, log } = data;
  const pages = (count: number) => `${count} (${sizeWords(count * PAGE_SIZE)})`;
  const hasTimes = log?.spans.some(({ name }) => name === 'frozen') ?? false;
  return section(
    'dump',
    'Dump',
    stats || log
      ? 'How the dump went. The shaded part is the pause: the time for which the processes stood still.'
      : 'Neither stats-dump nor a log lies with the set: how the dump went is not known.',
    hasTimes ? byLog() : [...byStatistics(), ...byLog()],
    stats &&
      facts([
        ['Freezing', timeWords(stats.freezingSec)],
        ['Frozen', timeWords(stats.frozenSec)],
        ['Memory read', timeWords(stats.memdumpSec)],
        ['Memory written', timeWords(stats.memwriteSec)],
        ['Pages scanned', pages(stats.pagesScanned)],
        ['Pages written', pages(stats.pagesWritten)],
        ['Unchanged since the parent', stats.pagesSkippedParent > 0 && pages(stats.pagesSkippedParent)],
        ['Left for later', stats.pagesLazy > 0 && pages(stats.pagesLazy)],
        ['Shared pages written', stats.sharedPagesWritten > 0 && pages(stats.sharedPagesWritten)],
      ]),
  );
}
