import { CRIU_FEATURES, askCriuFeature } from '../../kernel/criu-features.js';
import { Features, type Answer, type SyscallFunction } from '../../kernel/features.js';
import { closest } from '../closest.js';
import { print, warn } from '../stdout.js';
import { drawTable, onTerminal } from '../table.js';
import { UsageError } from '../usage-error.js';
import { errorText } from './error-text.js';
import type { Settings } from './settings.js';

interface Row {
  readonly name: string;
  readonly answer: Answer;
  readonly since: string;
  readonly what: string;
  readonly required: boolean;
}

/** crit's own system calls; without the addon some answers are "unknown". */
async function ownSyscalls(): Promise<SyscallFunction | undefined> {
  const { addon } = await import('../../native/addon.js');
  try {
    addon();
  } catch (error) {
    warn(`crit: warning: ${errorText(error)}`);
    return undefined;
  }
  return (await import('../../native/sys.js')).sysRaw;
}

/** `--feature NAME`: 0 when all that were named are there. */
function checkFeatures(names: readonly string[], syscall: SyscallFunction | undefined): number {
  let status = 0;
  for (const name of names) {
    if (name === 'list') {
      print(`${Object.keys(CRIU_FEATURES).join('\n')}\n`);
      continue;
    }
    const feature = Object.hasOwn(CRIU_FEATURES, name) ? CRIU_FEATURES[name] : undefined;
    if (!feature) {
      const near = closest(name, Object.keys(CRIU_FEATURES));
      throw new UsageError(
        `unknown feature ${name}${near === undefined ? ' ("--feature list" names them)' : `; is ${near} meant?`}`,
      );
    }
    const answer = askCriuFeature(feature, syscall);
    if (answer === 'yes') print(`${name} is supported\n`);
    else {
      status = 1;
      warn(
        `crit: ${name} ${answer === 'no' ? 'is not supported by this kernel' : 'cannot be told from here'}: ${feature.what}`,
      );
    }
  }
  return status;
}

async function show(rows: readonly Row[]): Promise<void> {
  const cells = rows.map((row) => [
    row.name,
    row.answer,
    row.since,
    row.required ? `${row.what} (required)` : row.what,
  ]);
  if (await onTerminal()) {
    const table = await drawTable({
      head: ['feature', 'here', 'since', 'for'],
      rows: cells,
      paint: (chalk, cell, column, row) => {
        if (column !== 1 || cell === 'yes') return cell;
        return cell === 'no' ? (rows[row]?.required ? chalk.red(cell) : chalk.yellow(cell)) : chalk.dim(cell);
      },
    });
    print(`${table}\n`);
    return;
  }
  const width = Math.max(...rows.map((row) => row.name.length));
  for (const [name = '', answer = '', since = '', what = ''] of cells)
    print(`${name.padEnd(width)}  ${answer.padEnd(7)}  ${since.padEnd(6)}  ${what}\n`);
}

/** `crit check`: what this kernel offers. @returns 0 when nothing that was asked for is missing */
export async function runCheck(settings: Settings): Promise<number> {
  const syscall = await ownSyscalls();
  if (settings.features.length > 0) return checkFeatures(settings.features, syscall);
  const basic: Row[] = new Features(syscall).all().map(({ name, feature, answer }) => ({
    name,
    answer,
    since: feature.since,
    what: feature.purpose,
    required: feature.required === true,
  }));
  const more: Row[] = Object.entries(CRIU_FEATURES)
    .filter(([, { experimental, onRequest }]) =>
      onRequest ? false : experimental ? settings.experimental : settings.extra,
    )
    .map(([name, feature]) => ({
      name,
      answer: askCriuFeature(feature, syscall),
      since: '',
      what: feature.what,
      required: false,
    }));
  await show([...basic, ...more]);
  const missing = (rows: readonly Row[]): Row[] => rows.filter((row) => row.answer === 'no');
  const needed = missing(basic.filter((row) => row.required));
  if (needed.length > 0) {
    warn(`crit: this kernel lacks what crit cannot do without: ${needed.map((row) => row.name).join(', ')}`);
    print('Does not look good.\n');
    return 1;
  }
  const lacking = missing(more);
  if (lacking.length > 0) {
    print(`Looks good but some kernel features are missing: ${lacking.map((row) => row.name).join(', ')}.\n`);
    return 1;
  }
  print('Looks good.\n');
  return 0;
}
