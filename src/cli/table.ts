import type { ChalkInstance } from 'chalk';
import { isTerminal } from './terminal.js';

/** A view drawn for a terminal: chalk and cli-table3 are loaded for that alone. */
export interface TableView {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Columns of numbers, aligned to the right. */
  readonly right?: readonly number[];
  /** How a cell is coloured. */
  readonly paint?: (chalk: ChalkInstance, cell: string, column: number, row: number) => string;
}

/** Whether a person looks at what is printed. */
export const onTerminal = (): Promise<boolean> => isTerminal(1);

const GAP = 2;
/** A column that is folded keeps at least so much. */
const NARROWEST = 12;

const lengthOf = (cell: string): number => Array.from(cell).length;

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

/** A cell of a column that may be too narrow for it: folded between words, or anywhere when a word does not fit. */
function folded(content: string, plain: string, width: number): string | Cell {
  if (lengthOf(plain) <= width) return content;
  return { content, wordWrap: true, wrapOnWordBoundary: plain.split(' ').every((word) => lengthOf(word) <= width) };
}

interface Cell {
  readonly content: string;
  readonly wordWrap: boolean;
  readonly wrapOnWordBoundary: boolean;
}

/** Draws a table without frame lines, as wide as its content, or as the terminal if that is narrower. */
export async function drawTable(view: TableView): Promise<string> {
  const [{ default: detected, Chalk }, { default: Table }] = await Promise.all([import('chalk'), import('cli-table3')]);
  const chalk = process.env['NO_COLOR'] ? new Chalk({ level: 0 }) : detected;
  const right = new Set(view.right ?? []);
  const none = {
    top: '',
    'top-mid': '',
    'top-left': '',
    'top-right': '',
    bottom: '',
    'bottom-mid': '',
    'bottom-left': '',
    'bottom-right': '',
  };
  const lines = { left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: '  ' };
  const natural = view.head.map((cell, i) =>
    view.rows.reduce((most, row) => Math.max(most, lengthOf(row[i] ?? '')), lengthOf(cell)),
  );
  const widths = fitColumns(natural, process.stdout.columns || Infinity);
  const table = new Table({
    head: view.head.map((cell) => chalk.bold(cell)),
    colWidths: widths,
    colAligns: view.head.map((_, i) => (right.has(i) ? 'right' : 'left')),
    chars: { ...none, ...lines },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  for (const [row, cells] of view.rows.entries()) {
    table.push(
      cells.map((cell, column) =>
        folded(view.paint?.(chalk, cell, column, row) ?? cell, cell, widths[column] ?? Infinity),
      ),
    );
  }
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}
