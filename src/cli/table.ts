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

/** Draws a table without frame lines, as wide as its content. */
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
  const table = new Table({
    head: view.head.map((cell) => chalk.bold(cell)),
    colAligns: view.head.map((_, i) => (right.has(i) ? 'right' : 'left')),
    chars: { ...none, ...lines },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  for (const [row, cells] of view.rows.entries()) {
    table.push(cells.map((cell, column) => view.paint?.(chalk, cell, column, row) ?? cell));
  }
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}
