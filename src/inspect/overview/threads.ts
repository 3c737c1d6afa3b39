import type { CoreEntry } from '../../image/generated/messages.js';
import { SCHED_DEADLINE, SCHED_FIFO, SCHED_RESET_ON_FORK, SCHED_RR } from '../../kernel/uapi/sched.js';

/** A thread of a process. */
export interface ThreadInfo {
  readonly tid: number;
  readonly comm: string | undefined;
  /** Where it goes on, and its stack; undefined for processors whose registers crit has no names for. */
  readonly ip: bigint | undefined;
  readonly sp: bigint | undefined;
  /** The number of the system call that it is in; undefined outside of any. */
  readonly syscall: number | undefined;
  readonly policy: string;
  /** Real-time priority, 1 to 99; 0 for others. */
  readonly priority: number;
  readonly nice: number;
  readonly seccomp: 'disabled' | 'strict' | 'filter';
  /** The number of its set in cgroup.img. */
  readonly cgroupSet: number | undefined;
}

/** linux/sched.h; those without a name here nobody may set, or they are the default's. */
const POLICIES: Readonly<Record<number, string>> = {
  0: 'other',
  [SCHED_FIFO]: 'fifo',
  [SCHED_RR]: 'rr',
  3: 'batch',
  5: 'idle',
  [SCHED_DEADLINE]: 'deadline',
};
const SECCOMP = ['disabled', 'strict', 'filter'] as const;

/** A word of a register as a signed number: -1 outside of a system call. */
const signed = (word: bigint): number => Number(BigInt.asIntN(64, word));

/** A thread by its core. @param main the core of its process's main thread, which has what older sets keep once */
export function threadOf(tid: number, core: CoreEntry, main: CoreEntry): ThreadInfo {
  const { thread_info: x86, ti_aarch64: arm64, thread_core: own } = core;
  const policy = own?.sched_policy ?? 0;
  const call = x86 && signed(x86.gpregs.orig_ax);
  return {
    tid,
    comm: own?.comm ?? core.tc?.comm,
    ip: x86?.gpregs.ip ?? arm64?.gpregs.pc,
    sp: x86?.gpregs.sp ?? arm64?.gpregs.sp,
    syscall: call === undefined || call < 0 ? undefined : call,
    policy: POLICIES[policy & ~SCHED_RESET_ON_FORK] ?? `policy ${policy}`,
    priority: own?.sched_prio ?? 0,
    nice: own?.sched_nice ?? 0,
    seccomp: SECCOMP[own?.seccomp_mode ?? main.tc?.old_seccomp_mode ?? 0] ?? 'disabled',
    cgroupSet: own?.cg_set ?? core.tc?.cg_set ?? main.tc?.cg_set,
  };
}
