import { CritError } from '../../image/errors.js';
import { errorStack, errorText } from '../../run/error-text.js';
import { LogFile } from '../../run/log-file.js';
import { inRun, type Run } from '../../run/run.js';
import { isTerminal } from '../terminal.js';
import { ReaderGone, warn } from '../stdout.js';
import { Progress } from './progress.js';
import { failure, printResult } from './result.js';
import type { Settings } from './settings.js';

/** A run whose log is a file. */
export interface LoggedRun extends Run {
  readonly log: LogFile;
}

/**
 * Runs an engine with log, statistics, progress and signals around it. Whatever fails is one line on standard error and
 * in the log.
 * @returns the exit status, 0 or 1
 */
export async function runEngine(
  kind: 'dump' | 'restore',
  settings: Settings,
  warnings: readonly string[],
  work: (run: LoggedRun) => void,
): Promise<number> {
  const onTerminal = await isTerminal(2);
  using log = new LogFile(settings.logFile, settings.verbosity, `src/${kind}`, warn);
  try {
    for (const warning of warnings) log.warn(warning);
    using progress = new Progress(onTerminal);
    inRun(log, progress, ({ stats }) => {
      work({ log, stats });
    });
    return 0;
  } catch (error) {
    if (error instanceof ReaderGone) throw error;
    const internal = !(error instanceof CritError);
    for (const line of errorStack(error)) log.debug(line);
    log.error(errorText(error));
    if (settings.json) printResult(failure(error));
    if (internal && /\bcrit\b/.test(process.env['NODE_DEBUG'] ?? ''))
      for (const line of errorStack(error)) process.stderr.write(`${line}\n`);
    log.note(kind === 'dump' ? 'Dumping FAILED.' : 'Restoring FAILED.');
    return 1;
  }
}
