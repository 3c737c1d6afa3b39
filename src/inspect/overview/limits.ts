import type { CoreEntry, RlimitEntry } from '../../image/generated/messages.js';
import { RLIM_INFINITY, rlimitName } from '../../kernel/uapi/resource.js';

/** In the unit of the resource (getrlimit(2)); bigint only beyond what a number holds exactly. */
export type LimitValue = number | bigint | 'unlimited';

/** A resource limit. */
export interface LimitInfo {
  /** Without its prefix: NOFILE, STACK. */
  readonly name: string;
  readonly soft: LimitValue;
  readonly hard: LimitValue;
}

const value = (limit: bigint): LimitValue =>
  limit === RLIM_INFINITY ? 'unlimited' : limit <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(limit) : limit;

const limit = ({ cur, max }: RlimitEntry, resource: number): LimitInfo => ({
  name: rlimitName(resource).replace(/^RLIMIT_/, ''),
  soft: value(cur),
  hard: value(max),
});

/** The limits of a process. @param older the entries of rlimit-PID.img, where sets before CRIU 2 have them */
export function limitsOf(core: CoreEntry, older: readonly RlimitEntry[] = []): readonly LimitInfo[] {
  return (core.tc?.rlimits?.rlimits ?? older).map(limit);
}
