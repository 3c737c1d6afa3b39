import { CritError } from '../../image/errors.js';
import type { Log } from '../../image/log.js';
import { plan } from '../../restore/restore.js';
import type { RestoreOptions } from '../../restore/context.js';
import { print } from '../stdout.js';
import { errorText } from './error-text.js';
import { printResult } from './result.js';

/**
 * Prints what a restore would do, and everything that is in its way (`restore --dry-run`).
 * @param checks what is looked at besides the images
 * @returns the exit status: 1 when anything is in the way
 */
export function dryRestore(options: RestoreOptions, checks: readonly (() => void)[], log: Log, json: boolean): number {
  const obstacles: CritError[] = [];
  for (const check of checks)
    try {
      check();
    } catch (error) {
      if (!(error instanceof CritError)) throw error;
      obstacles.push(error);
    }
  const planned = plan(options, log);
  obstacles.push(...planned.obstacles);
  const [first] = obstacles;
  if (json) {
    const { lines } = planned;
    if (!first) printResult({ ok: true, plan: lines });
    else {
      const all = obstacles.map(({ code, message }) => ({ code, message }));
      printResult({ ok: false, code: first.code, message: first.message, obstacles: all, plan: lines });
    }
  } else for (const line of planned.lines) print(`${line}\n`);
  for (const obstacle of obstacles) log.error(errorText(obstacle));
  return first ? 1 : 0;
}
