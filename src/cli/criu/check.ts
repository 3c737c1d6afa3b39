import type { CritErrorCode } from '../../image/error-codes.js';
import { CritError } from '../../image/errors.js';
import { CRIU_FEATURES, askCriuFeature } from '../../kernel/features/criu-features.js';
import { Features, type Answer, type SyscallFunction } from '../../kernel/features/features.js';
import { print, warn } from '../stdout.js';
import { drawTable, onTerminal } from '../table.js';
import { checkFeatures } from './check-feature.js';
import { checkPrivileges } from './privileges.js';
import { printResult } from './result.js';
import type { Settings } from './settings.js';

interface Row {
  readonly name: string;
  /** Whether this kernel has it, and this user may use it. */
  readonly here: Answer;
  /** Whether crit makes use of it. */
  readonly used: boolean;
  readonly required: boolean;
  /** The kernel that brought it; absent for what CRIU names. */
  readonly since?: string;
  readonly purpose: string;
}

/** Why dump or restore could not work. */
interface Problem {
  readonly code: CritErrorCode;
  readonly message: string;
}

async function show(rows: readonly Row[]): Promise<void> {
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

/** crit's own system calls; without the addon many answers are "unknown". */
async function ownSyscalls(problems: Problem[]): Promise<SyscallFunction | undefined> {
  const { addon } = await import('../../native/addon.js');
  const there = attempt(problems, () => addon());
  return there ? (await import('../../native/sys.js')).sysRaw : undefined;
}

/** Does something, and notes a CritError as a problem. @returns whether there was none */
function attempt(problems: Problem[], work: () => void): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (!(error instanceof CritError)) throw error;
    problems.push({ code: error.code, message: error.message });
    return false;
  }
}

/** One problem for all required features that are missing, one for those that cannot be told. */
function missing(rows: readonly Row[]): Problem[] {
  const required = (here: Answer) => rows.filter((row) => row.required && row.here === here).map((row) => row.name);
  const [no, unknown] = [required('no'), required('unknown')];
  const problem = (message: string): Problem => ({ code: 'MISSING_FEATURE', message });
  return [
    ...(no.length ? [problem(`crit cannot do without, and there is not here: ${no.join(', ')}`)] : []),
    ...(unknown.length
      ? [problem(`crit cannot do without, and it cannot be told from here: ${unknown.join(', ')}`)]
      : []),
  ];
}

function allRows(settings: Settings, syscall: SyscallFunction | undefined): { basic: Row[]; more: Row[] } {
  const basic = new Features(syscall).all().map(({ name, feature, answer }) => ({
    name,
    here: answer,
    used: feature.later !== true,
    required: feature.required === true,
    since: feature.since,
    purpose: feature.purpose,
  }));
  const more = Object.entries(CRIU_FEATURES)
    .filter(([, { experimental, onRequest }]) =>
      onRequest ? false : experimental ? settings.experimental : settings.extra,
    )
    .map(([name, feature]) => ({
      name,
      here: askCriuFeature(feature, syscall),
      used: feature.used === true,
      required: false,
      purpose: feature.what,
    }));
  return { basic, more };
}

/** `crit check`: whether dump and restore can work here. @returns 0 when nothing that was asked for is missing */
export async function runCheck(settings: Settings): Promise<number> {
  const problems: Problem[] = [];
  const syscall = await ownSyscalls(problems);
  if (settings.features.length > 0) {
    if (!settings.json) for (const { message } of problems) warn(`crit: warning: ${message}`);
    return checkFeatures(settings.features, syscall, settings.json);
  }
  attempt(problems, checkPrivileges);
  const { basic, more } = allRows(settings, syscall);
  problems.push(...missing(basic));
  const lacking = more.filter((row) => row.here === 'no').map((row) => row.name);
  const ok = problems.length === 0 && lacking.length === 0;
  if (settings.json) {
    printResult({ ok, problems, missing: lacking, features: [...basic, ...more] });
    return ok ? 0 : 1;
  }
  await show([...basic, ...more]);
  for (const { message } of problems) warn(`crit: ${message}`);
  if (problems.length > 0) print('Does not look good: dump and restore cannot work here.\n');
  else if (lacking.length > 0) print(`Looks good but some kernel features are missing: ${lacking.join(', ')}.\n`);
  else print('Looks good.\n');
  return ok ? 0 : 1;
}
