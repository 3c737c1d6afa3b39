import { existsSync } from 'node:fs';
import { seenByCrit } from '../image/pid.js';
import type { Birth, BirthPlan } from '../image/process-tree.js';
import type { Log } from '../image/log.js';
import { ERRNO } from '../kernel/uapi/errno.js';
import { sysRaw } from '../native/sys.js';
import type { Puppet } from '../task/puppet.js';

/**
 * The process group of a shell job's root, whose leader is not in the images: it is joined where it is still there (the
 * rest of a pipeline), or made anew by a helper. Where its number is another's, the job is in the group of crit.
 * @returns which births stay in the group that they are born in, crit's
 */
export function jobGroup(births: BirthPlan, root: Puppet, log: Log): (birth: Birth) => boolean {
  const { inheritedSid, groupHelpers } = births;
  const { pgid } = births.root.task;
  const foreign = groupHelpers.findIndex((helper) => helper.pgid === pgid && helper.foreign);
  if (inheritedSid === undefined || foreign < 0) return () => false;
  const stays = (birth: Birth) => birth.task.sid === inheritedSid && birth.task.pgid === pgid;
  const seen: number = seenByCrit(pgid);
  const isOurs = sysRaw('getpgid', 0) === seen;
  const b = root.batch();
  const joined = b.tryCall('setpgid', 0, pgid);
  b.run();
  if (!isOurs && joined.value < 0 && !existsSync(`/proc/${seen}`) && sysRaw('kill', -seen, 0) === -ERRNO.ESRCH)
    return () => false;
  groupHelpers.splice(foreign, 1);
  if (joined.value >= 0 && !isOurs) return () => false;
  if (!isOurs) log.warn(`process group ${pgid} is another's: the job is in that of crit, ${sysRaw('getpgid', 0)}`);
  return stays;
}
