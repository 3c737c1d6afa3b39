import type { Messages } from '../image/generated/messages.js';
import { readLimits } from '../kernel/proc/limits.js';

/** Resource limits by number. /proc shows them to who must not ask prlimit(2) about a process of other credentials. */
export function rlimitsOf(pid: number): Messages['task_rlimits_entry'] {
  return { rlimits: readLimits(pid).map(({ soft, hard }) => ({ cur: soft, max: hard })) };
}
