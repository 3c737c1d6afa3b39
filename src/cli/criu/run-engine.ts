import { CritError } from '../../image/errors.js';
import { Stats } from '../../image/stats.js';
import { isTerminal } from '../terminal.js';
import { ReaderGone } from '../stdout.js';
import { errorStack, errorText } from './error-text.js';
import { checkInterrupts, Interrupts } from '../../native/interrupts.js';
import { LogFile } from './log-file.js';
import { Progress } from './progress.js';
import { failure, printResult } from './result.js';
import type { Settings } from './settings.js';

/** What an engine and what is around it are given. */
export interface Run {
  readonly log: LogFile;
  readonly stats: Stats;
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
  body: (run: Run) => void,
): Promise<number> {
  const onTerminal = await isTerminal(2);
  using log = new LogFile(settings.logFile, settings.verbosity, `src/${kind}`);
  try {
    for (const warning of warnings) log.warn(warning);
    using _interrupts = new Interrupts();
    using progress = new Progress(onTerminal);
    const stats = new Stats({
      ended: (name, micros) => {
        progress.clear();
        log.info(`${name}: ${micros} us`);
      },
      progress: (what, done, total) => {
        progress.show(what, done, total);
      },
      checkpoint: () => {
        checkInterrupts();
      },
    });
    body({ log, stats });
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
