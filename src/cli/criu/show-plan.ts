import type { Log } from '../../image/log.js';
import { errorText } from '../../run/error-text.js';
import type { Plan } from '../../run/plan.js';
import { print } from '../stdout.js';
import { printResult } from './result.js';

/** Prints what a restore would do, and everything that is in its way (`restore --dry-run`). @returns the exit status */
export function showPlan({ lines, obstacles }: Plan, log: Log, json: boolean): number {
  const [first] = obstacles;
  if (!json) for (const line of lines) print(`${line}\n`);
  else if (!first) printResult({ ok: true, plan: lines });
  else {
    const all = obstacles.map(({ code, message }) => ({ code, message }));
    printResult({ ok: false, code: first.code, message: first.message, obstacles: all, plan: lines });
  }
  for (const obstacle of obstacles) log.error(errorText(obstacle));
  return first ? 1 : 0;
}
