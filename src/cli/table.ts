import type { ChalkInstance } from 'chalk';
import { isTerminal } from './terminal.js';
import { textWidth } from './text-width.js';

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

/** The lines of a cell that is too wide: folded between words, or anywhere when a word does not fit. */
function* folded(cell: string, width: number): Generator<string> {
  const parts = cell.split(' ').every((word) => textWidth(word) <= width) ? cell.split(/(?<= )/) : cell;
  let line = '';
  let used = 0;
  for (const part of parts) {
    const needs = textWidth(part.trimEnd());
    if (line !== '' && used + needs > width) {
      yield line.trimEnd();
      line = '';
      used = 0;
    }
    line += part;
    used += textWidth(part);
  }
  yield line.trimEnd();
}

/**
 * Draws a table without frame lines, as wide as its content, or as the terminal if that is narrower. It comes in pieces:
 * there may be hundreds of thousands of lines.
 */
export async function* drawTable({ head, rows, right = [], paint }: TableView): AsyncGenerator<string> {
  const { default: detected, Chalk } = await import('chalk');
  const chalk = process.env['NO_COLOR'] ? new Chalk({ level: 0 }) : detected;
  const natural = head.map(textWidth);
  const all = typeof rows === 'function' ? rows : () => rows;
  for (const cells of all())
    for (let i = 0; i < cells.length; i++) natural[i] = Math.max(natural[i] ?? 0, textWidth(cells[i]!));
  const widths = fitColumns(natural, process.stdout.columns || Infinity);
  const line = (cells: readonly string[], colour: (cell: string, column: number) => string): string => {
    let text = '';
    // spaces behind the last cell would be of no use
    let owed = 0;
    for (let column = 0; column < cells.length; column++) {
      const cell = cells[column]!;
      const pad = Math.max(0, (widths[column] ?? 0) - textWidth(cell));
      const before = right.includes(column) ? pad : 0;
      if (cell !== '') {
        text += ' '.repeat(owed + before) + colour(cell, column);
        owed = pad - before + GAP;
      } else owed += pad + GAP;
    }
    return `${text}\n`;
  };
  const isNarrow = widths.some((width, column) => width < (natural[column] ?? 0));
  function* lines(cells: readonly string[], colour: (cell: string, column: number) => string): Generator<string> {
    if (!isNarrow || cells.every((cell, column) => textWidth(cell) <= (widths[column] ?? 0))) {
      yield line(cells, colour);
      return;
    }
    const parts = cells.map((cell, column) => [...folded(cell, widths[column] ?? Infinity)]);
    const height = Math.max(...parts.map((part) => part.length));
    for (let i = 0; i < height; i++) {
      yield line(
        parts.map((part) => part[i] ?? ''),
        colour,
      );
    }
  }
  yield* lines(head, (cell) => chalk.bold(cell));
  let row = 0;
  // a promise a line would be much of the work
  let piece = '';
  for (const cells of all()) {
    const at = row++;
    for (const text of lines(cells, (cell, column) => paint?.(chalk, cell, column, at) ?? cell)) piece += text;
    if (piece.length < PIECE_CHARS) continue;
    yield piece;
    piece = '';
  }
  if (piece !== '') yield piece;
}
