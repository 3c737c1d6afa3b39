import type { CritError } from '../../image/errors.js';
import { safeText } from '../safe-text.js';
import { print, warn } from '../stdout.js';
import { printResult } from './result.js';

/** Prints what a dump would refuse, a line each (`dump --dry-run`). @returns the exit status: 1 if there is any */
export function showObstacles(pid: number, found: readonly CritError[], json: boolean): number {
  const obstacles = found.map(({ code, message }) => ({ code, message }));
  const [first] = obstacles;
  if (!first) {
    if (json) printResult({ ok: true, pid, obstacles });
    else print('No obstacle is seen.\n');
    return 0;
  }
  const count = obstacles.length === 1 ? 'one obstacle' : `${obstacles.length} obstacles`;
  const message = `process ${pid} cannot be dumped as it is: ${count}`;
  if (json) printResult({ ok: false, code: first.code, message, obstacles });
  else for (const obstacle of obstacles) print(`${safeText(obstacle.message)}\n`);
  warn(`crit: ${message}`);
  return 1;
}
