import { CritError } from '../../image/errors.js';
import { check, ownSyscalls, type CheckedFeature } from '../../run/check.js';
import { print, warn } from '../stdout.js';
import { drawTable, onTerminal } from '../table.js';
import { checkFeatures } from './check-feature.js';
import { printResult } from './result.js';
import type { Settings } from './settings.js';

async function show(rows: readonly CheckedFeature[]): Promise<void> {
  const cells = rows.map((row) => [
    row.name,
    row.here,
    row.used ? 'yes' : 'not yet',
    row.since ?? '',
    row.required ? `${row.purpose} (required)` : row.purpose,
  ]);
  if (await onTerminal()) {
    const lines = drawTable({
      head: ['feature', 'here', 'used', 'since', 'for'],
      rows: cells,
      paint: (chalk, cell, column, row) => {
        if (column === 2) return cell === 'yes' ? cell : chalk.dim(cell);
        if (column !== 1 || cell === 'yes') return cell;
        return rows[row]?.required ? chalk.red(cell) : cell === 'no' ? chalk.yellow(cell) : chalk.dim(cell);
      },
    });
    for await (const line of lines) print(line);
    return;
  }
  const width = Math.max(...rows.map((row) => row.name.length));
  for (const [name = '', here = '', used = '', since = '', what = ''] of cells)
    print(`${name.padEnd(width)}  ${here.padEnd(7)}  ${used.padEnd(7)}  ${since.padEnd(6)}  ${what}\n`);
}

/** `crit check --feature NAME ...` */
async function checkNamed(settings: Settings): Promise<number> {
  const syscall = await ownSyscalls().catch((error: unknown) => {
    if (!(error instanceof CritError)) throw error;
    if (!settings.json) warn(`crit: warning: ${error.message}`);
    return undefined;
  });
  return checkFeatures(settings.features, syscall, settings.json);
}

/** `crit check`: whether dump and restore can work here. @returns 0 when nothing that was asked for is missing */
export async function runCheck(settings: Settings): Promise<number> {
  if (settings.features.length > 0) return checkNamed(settings);
  const { ok, problems, missing, features } = await check(settings);
  const status = ok ? 0 : 1;
  if (settings.json) {
    printResult({ ok, problems: problems.map(({ code, message }) => ({ code, message })), missing, features });
    return status;
  }
  await show(features);
  for (const { message } of problems) warn(`crit: ${message}`);
  if (problems.length > 0) print('Does not look good: dump and restore cannot work here.\n');
  else if (missing.length > 0) print(`Looks good but some kernel features are missing: ${missing.join(', ')}.\n`);
  else print('Looks good.\n');
  return status;
}
