import { add, h, type Child } from './dom.js';

/** A column of a table. */
export interface Column<T> {
  readonly head: string;
  /** Numbers stand right. */
  readonly right?: boolean;
  /** Addresses, paths and names of the images. */
  readonly mono?: boolean;
  /** Takes the room that the others leave, and breaks its lines anywhere. */
  readonly wide?: boolean;
  /** Left out where it is empty in every row. */
  readonly isSparse?: boolean;
  readonly cell: (row: T) => Child;
}

const isEmpty = (cell: Child): boolean => cell === undefined || cell === '' || cell === false;

/** So many rows are built at first, and with each press of the button. */
const STEP = 250;

/**
 * A table that scrolls in its own place. Rows beyond the first are built when somebody wants them.
 * @param caption what it is, for those who hear the page
 */
export function table<T>(
  caption: string,
  all: readonly Column<T>[],
  rows: readonly T[],
  onRow?: (row: T, element: HTMLTableRowElement) => void,
): HTMLElement {
  if (rows.length === 0) return h('p', { class: 'none' }, 'None.');
  const columns = all.filter(({ isSparse, cell }) => !isSparse || rows.some((row) => !isEmpty(cell(row))));
  const classes = columns.map(({ right, mono, wide }) =>
    [right && 'right', mono && 'mono', wide && 'wide'].filter(Boolean).join(' '),
  );
  const body = h('tbody');
  const more = h('button', { type: 'button', class: 'more no-print' });
  let built = 0;
  const build = (count: number) => {
    const to = Math.min(rows.length, built + count);
    const made = document.createDocumentFragment();
    for (; built < to; built++) {
      const row = rows[built]!;
      const element = h('tr');
      for (const [i, { cell }] of columns.entries())
        element.append(h('td', { class: classes[i] || undefined }, cell(row)));
      onRow?.(row, element);
      made.append(element);
    }
    body.append(made);
    more.hidden = built >= rows.length;
    more.textContent = `Show ${Math.min(STEP * 4, rows.length - built)} more of ${rows.length}`;
  };
  more.addEventListener('click', () => build(STEP * 4));
  build(STEP);
  const element = h('div', { class: 'table', tabindex: 0, role: 'region', 'aria-label': caption });
  add(element, [
    h(
      'table',
      {},
      h('caption', { class: 'hidden' }, caption),
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          columns.map(({ head }, i) => h('th', { scope: 'col', class: classes[i] || undefined }, head)),
        ),
      ),
      body,
    ),
    more,
  ]);
  return element;
}
