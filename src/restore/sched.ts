import type { Messages } from '../image/generated/messages.js';
import * as PR from '../kernel/uapi/prctl.js';
import {
  IOPRIO_WHO_PROCESS,
  PRIO_PROCESS,
  SCHED_ATTR,
  SCHED_ATTR_BYTES,
  SCHED_DEADLINE,
  SCHED_FLAG_RESET_ON_FORK,
  SCHED_RESET_ON_FORK,
} from '../kernel/uapi/sched.js';
import { sysRaw } from '../native/sys.js';
import type { Batch } from '../task/batch.js';

type ThreadCore = Messages['thread_core_entry'];

const MASK_BYTES = 128;

/** How crit itself is scheduled: puppets begin like that. */
let own: { nice: number; policy: number } | undefined;

/** Scheduling of the calling thread. Before credentials (CAP_SYS_NICE). */
export function restoreSched(b: Batch, core: ThreadCore): void {
  own ??= { nice: 20 - sysRaw('getpriority', PRIO_PROCESS, 0), policy: sysRaw('sched_getscheduler', 0) };
  using _doing = b.doing('setting timer slack, affinity, nice value and scheduling policy');
  // a real-time policy would ignore it
  if (core.timer_slack_ns) b.call('prctl', PR.PR_SET_TIMERSLACK, core.timer_slack_ns, 0, 0, 0);
  restoreAffinity(b, core.cpu_affinity);
  if (core.io_priority !== undefined) b.call('ioprio_set', IOPRIO_WHO_PROCESS, 0, core.io_priority);
  const nice = core.sched_nice ?? 0;
  const policy = core.sched_policy ?? 0;
  if (nice !== own.nice) b.call('setpriority', PRIO_PROCESS, 0, nice);
  if ((policy & ~SCHED_RESET_ON_FORK) === SCHED_DEADLINE) {
    if (core.sched_runtime_ns !== undefined) b.call('sched_setattr', 0, deadline(core, policy), 0);
  } else if (policy !== own.policy || core.sched_prio)
    b.call('sched_setscheduler', 0, policy, new Uint8Array(Int32Array.of(core.sched_prio ?? 0).buffer));
}

/** CPUs that are not here are left out; a thread none of whose CPUs is here may run on all. */
export function restoreAffinity(b: Batch, cpus: Uint8Array | undefined): void {
  if (!cpus) return;
  const mask = new Uint8Array(MASK_BYTES).fill(0xff);
  if (cpus.length) {
    const here = new Uint8Array(MASK_BYTES);
    sysRaw('sched_getaffinity', 1, MASK_BYTES, here);
    const wanted = mask.map((_, i) => cpus[i] ?? 0);
    if (wanted.some((byte, i) => byte & here[i]!)) mask.set(wanted);
  }
  b.call('sched_setaffinity', 0, MASK_BYTES, mask);
}

function deadline(core: ThreadCore, policy: number): Uint8Array {
  const attr = new DataView(new ArrayBuffer(SCHED_ATTR_BYTES));
  attr.setUint32(SCHED_ATTR.size, SCHED_ATTR_BYTES, true);
  attr.setUint32(SCHED_ATTR.policy, SCHED_DEADLINE, true);
  attr.setBigUint64(SCHED_ATTR.flags, policy & SCHED_RESET_ON_FORK ? BigInt(SCHED_FLAG_RESET_ON_FORK) : 0n, true);
  attr.setBigUint64(SCHED_ATTR.runtime, core.sched_runtime_ns ?? 0n, true);
  attr.setBigUint64(SCHED_ATTR.deadline, core.sched_deadline_ns ?? 0n, true);
  attr.setBigUint64(SCHED_ATTR.period, core.sched_period_ns ?? 0n, true);
  return new Uint8Array(attr.buffer);
}
