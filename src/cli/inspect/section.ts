import type { Overview, ProcessOverview } from '../../inspect/overview/overview.js';
import { safeText } from '../safe-text.js';
import type { TableView } from '../table.js';
import { numbersWords } from '../words.js';

/** A part of an overview as it is printed: lines of "name value", or a table. */
export interface Section {
  readonly title: string;
  readonly pairs?: readonly (readonly [name: string, value: string])[];
  readonly table?: TableView;
}

type Cell = string | number | bigint | undefined;

export const cell = (value: Cell): string => (value === undefined ? '' : safeText(String(value)));

/** A table of what several processes have, a row for each. */
export function table(
  title: string,
  head: readonly string[],
  right: readonly number[],
  rows: Iterable<readonly Cell[]>,
): Section[] {
  const cells = Array.from(rows, (row) => row.map(cell));
  return cells.length === 0 ? [] : [{ title, table: { head, right, rows: cells, paint: paintFirst } }];
}

const paintFirst: NonNullable<TableView['paint']> = (chalk, text, column) => (column === 0 ? chalk.cyan(text) : text);

export function pairs(title: string, all: readonly (readonly [string, Cell])[]): Section[] {
  const told = all.flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [[name, cell(value)] as const],
  );
  return told.length === 0 ? [] : [{ title, pairs: told }];
}

/** Processes with equal values share a row. */
export function grouped<T>(processes: readonly ProcessOverview[], value: (process: ProcessOverview) => T | undefined) {
  const groups = new Map<string, { pids: number[]; value: T }>();
  for (const process of processes) {
    const found = value(process);
    if (found === undefined) continue;
    const key = JSON.stringify(found, (_, part: unknown) => (typeof part === 'bigint' ? `${part}n` : part));
    const group = groups.get(key);
    if (group) group.pids.push(process.pid);
    else groups.set(key, { pids: [process.pid], value: found });
  }
  return [...groups.values()].map(({ pids, value }) => ({
    pids: pids.length === processes.length && pids.length > 1 ? 'all' : numbersWords(pids),
    value,
  }));
}

export const byLine =
  (title: string, of: (process: ProcessOverview) => Iterable<readonly Cell[]>, head: string[], right: number[]) =>
  ({ processes }: Overview): Section[] =>
    table(
      title,
      ['PID', ...head],
      [0, ...right.map((column) => column + 1)],
      processes.flatMap((process) => Array.from(of(process), (row) => [process.pid, ...row])),
    );
