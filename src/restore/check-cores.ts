import { imageFileName } from '../image/catalogue.js';
import { commFault, groupsFault, limitFault, nameFault } from '../image/core-faults.js';
import { CritError } from '../image/errors.js';
import { hasEnded } from '../image/task-state.js';
import { hasCapability } from '../kernel/uapi/capability.js';
import { readLimits } from '../kernel/proc/limits.js';
import { RLIM_INFINITY, RLIM_NLIMITS, rlimitName } from '../kernel/uapi/resource.js';
import { readStatus } from '../kernel/proc/status.js';
import type { RestoreTask } from './context.js';
import type { Refuse } from './refuse.js';

const show = (value: bigint) => (value === RLIM_INFINITY ? 'unlimited' : String(value));

/** Looks for what the kernel would refuse, or cut in silence, when the tasks are half restored. */
export function checkCores(tasks: readonly RestoreTask[], refuse: Refuse): void {
  const ours = hardLimits();
  for (const task of tasks) {
    const tids = [task.pid, ...(task.entry.threads ?? []).filter((tid) => tid !== task.pid)];
    task.cores.forEach((core, i) => {
      if (hasEnded(core.tc?.task_state)) return;
      const file = imageFileName('CORE', tids[i]);
      const bad = (what: string) => {
        refuse(new CritError(`${file}: ${what}`, { code: 'BAD_IMAGE' }));
      };
      const groups = groupsFault(core);
      const faults = [nameFault(core), commFault(core), groups && `thread_core.creds.groups: ${groups}`];
      for (const fault of faults) if (fault !== undefined) bad(fault);
      checkLimits(core.tc?.rlimits?.rlimits ?? [], ours, bad);
    });
  }
}

function checkLimits(
  entries: readonly { cur: bigint; max: bigint }[],
  ours: readonly (bigint | undefined)[],
  bad: (what: string) => void,
): void {
  entries.slice(0, RLIM_NLIMITS).forEach(({ cur, max }, resource) => {
    const where = `tc.rlimits.rlimits[${resource}] (${rlimitName(resource)})`;
    const fault = limitFault({ cur, max }, show);
    if (fault !== undefined) bad(`${where}: ${fault}`);
    const hard = ours[resource];
    if (hard !== undefined && max > hard)
      bad(`${where}: max is ${show(max)}, here it is ${show(hard)}: raising it needs CAP_SYS_RESOURCE`);
  });
}

/** The hard limits of crit, which the tasks begin with; none where it may raise them. */
function hardLimits(): (bigint | undefined)[] {
  if (hasCapability(readStatus(process.pid).capEff, 'CAP_SYS_RESOURCE')) return [];
  return readLimits(process.pid).map(({ hard }) => hard);
}
