import { existsSync } from 'node:fs';
import { CritError } from '../image/errors.js';
import { pidTooLarge, seenByCrit } from '../image/pid.js';
import { readPidMax } from '../kernel/proc/last-pid.js';
import { isHeld, pidInUse } from '../task/stub.js';
import type { Plan } from './plan.js';

/** What would stop a restore that the images themselves do not tell: numbers that others have, or that cannot be had. */
export function surroundings({ tasks }: Plan): CritError[] {
  const found: CritError[] = [];
  const max = readPidMax();
  for (const { tree } of tasks)
    for (const tid of tree.tids) {
      if (tid >= max)
        found.push(
          new CritError(`${pidTooLarge(tid, max)}: raise kernel.pid_max`, {
            code: 'PID_TOO_LARGE',
          }),
        );
      // crit's own threads get out of the way
      else if (isHeld(seenByCrit(tid)) && !existsSync(`/proc/self/task/${seenByCrit(tid)}`))
        found.push(pidInUse(seenByCrit(tid)));
    }
  return found;
}
