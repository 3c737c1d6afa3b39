import type { ChalkInstance } from 'chalk';
import stringWidth from 'string-width';
import { isTerminal } from './terminal.js';

/** A view drawn for a terminal. */
export interface TableView {
  readonly head: readonly string[];
  /** A list, or what makes the rows one by one (twice): hundreds of thousands need not be in memory. */
  readonly rows: readonly (readonly string[])[] | (() => Iterable<readonly string[]>);
  /** Columns of numbers, aligned to the right. */
  readonly right?: readonly number[];
  /** How a cell, or a line of one that is folded, is coloured. */
  readonly paint?: (chalk: ChalkInstance, cell: string, column: number, row: number) => string;
}

/** Whether a person looks at what is printed. */
export const onTerminal = (): Promise<boolean> => isTerminal(1);

/** Lines are handed on in pieces of about this size. */
const PIECE_CHARS = 1 << 15;
/** Spaces between two columns. */
const GAP = 2;
/** A column that is folded keeps at least so much. */
const NARROWEST = 12;

/** The widths of columns that make a table fit a line: the widest give up most. One that never fits stays as it is. */
export function fitColumns(natural: readonly number[], line: number): number[] {
  const widths = [...natural];
  for (;;) {
    const excess = widths.reduce((sum, width) => sum + width, GAP * (widths.length - 1)) - line;
    const widest = Math.max(...widths);
    if (excess <= 0) return widths;
    if (widest <= NARROWEST) return [...natural];
    const next = Math.max(...widths.filter((width) => width < widest), NARROWEST);
    const columns = widths.filter((width) => width === widest).length;
    const less = Math.min(widest - next || 1, Math.ceil(excess / columns));
    for (const [i, width] of widths.entries()) if (width === widest) widths[i] = width - less;
  }
}

const NO_LINES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
};

const ASCII = /^[\x20-\x7e]*$/;

/** How many columns of a terminal a text takes that has no control characters. */
const textWidth = (text: string): number => (ASCII.test(text) ? text.length : stringWidth(text));

/**
 * Draws a table without frame lines, as wide as its content, or as the terminal if that is narrower. It comes in pieces:
 * there may be hundreds of thousands of lines. Rows that take one line are padded here: cli-table3, which folds the others,
 * takes 150 us for a row.
 */
export async function* drawTable({ head, rows, right = [], paint }: TableView): AsyncGenerator<string> {
  const { default: detected, Chalk } = await import('chalk');
  const chalk = process.env['NO_COLOR'] ? new Chalk({ level: 0 }) : detected;
  const natural = head.map(textWidth);
  const all = typeof rows === 'function' ? rows : () => rows;
  for (const cells of all())
    for (let i = 0; i < cells.length; i++) natural[i] = Math.max(natural[i] ?? 0, textWidth(cells[i]!));
  const widths = fitColumns(natural, process.stdout.columns || Infinity);
  const isNarrow = widths.some((width, column) => width < natural[column]!);
  const Table = isNarrow ? (await import('cli-table3')).default : undefined;

  type Colour = (cell: string, column: number) => string;
  const line = (cells: readonly string[], colour: Colour): string => {
    let text = '';
    // Spaces behind the last cell would be of no use.
    let owed = 0;
    for (let column = 0; column < cells.length; column++) {
      const cell = cells[column]!;
      const pad = widths[column]! - textWidth(cell);
      const before = right.includes(column) ? pad : 0;
      if (cell === '') owed += pad + GAP;
      else {
        text += ' '.repeat(owed + before) + colour(cell, column);
        owed = pad - before + GAP;
      }
    }
    return `${text}\n`;
  };
  const folded = (cells: readonly string[], colour: Colour): string => {
    const table = new Table!({
      colWidths: widths,
      colAligns: head.map((_, column) => (right.includes(column) ? 'right' : 'left')),
      chars: { ...NO_LINES, middle: ' '.repeat(GAP) },
      style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    });
    table.push(
      cells.map((cell, column) => ({
        content: colour(cell, column),
        wordWrap: true,
        wrapOnWordBoundary: cell.split(' ').every((word) => textWidth(word) <= widths[column]!),
      })),
    );
    return table.toString().replace(/ *$/gm, '') + '\n';
  };
  const draw = (cells: readonly string[], colour: Colour): string =>
    Table && cells.some((cell, column) => textWidth(cell) > widths[column]!)
      ? folded(cells, colour)
      : line(cells, colour);

  // A promise for each line would be much of the work.
  let piece = draw(head, (cell) => chalk.bold(cell));
  let row = 0;
  for (const cells of all()) {
    const at = row++;
    piece += draw(cells, (cell, column) => paint?.(chalk, cell, column, at) ?? cell);
    if (piece.length < PIECE_CHARS) continue;
    yield piece;
    piece = '';
  }
  if (piece !== '') yield piece;
}
