import { readFileSync } from 'node:fs';
import type { Messages } from '../image/generated/messages.js';
import {
  IOPRIO_CLASS_SHIFT,
  IOPRIO_WHO_PROCESS,
  PRIO_PROCESS,
  SCHED_ATTR,
  SCHED_ATTR_BYTES,
  SCHED_DEADLINE,
  SCHED_FIFO,
  SCHED_RESET_ON_FORK,
  SCHED_RR,
} from '../kernel/uapi/sched.js';
import { answer, sys, sysRaw } from '../native/sys.js';

type ThreadCore = Messages['thread_core_entry'];

/** How a thread is scheduled, asked from outside. */
export function schedOf(tid: number): Partial<ThreadCore> {
  const policy = sys('sched_getscheduler', tid);
  const out: Partial<ThreadCore> = {
    // getpriority(2) answers 20 - nice
    sched_nice: 20 - sys('getpriority', PRIO_PROCESS, tid),
    sched_policy: policy,
    cpu_affinity: affinityOf(tid),
  };
  const plain = policy & ~SCHED_RESET_ON_FORK;
  if (plain === SCHED_FIFO || plain === SCHED_RR) {
    const param = new Int32Array(1);
    sys('sched_getparam', tid, param);
    out.sched_prio = param[0]!;
  }
  if (plain === SCHED_DEADLINE) {
    const attr = new DataView(new ArrayBuffer(SCHED_ATTR_BYTES));
    sys('sched_getattr', tid, attr.buffer, SCHED_ATTR_BYTES, 0);
    out.sched_runtime_ns = attr.getBigUint64(SCHED_ATTR.runtime, true);
    out.sched_deadline_ns = attr.getBigUint64(SCHED_ATTR.deadline, true);
    out.sched_period_ns = attr.getBigUint64(SCHED_ATTR.period, true);
  }
  const io = answer('ioprio_get', sysRaw('ioprio_get', IOPRIO_WHO_PROCESS, tid), ['ENOSYS'], `of task ${tid}`) ?? 0;
  if (io >>> IOPRIO_CLASS_SHIFT !== 0) out.io_priority = io;
  return out;
}

const MASK_BYTES = 1024;
let online: bigint | undefined;

/** The CPUs that a thread may run on; empty for all that there are. */
function affinityOf(tid: number): Uint8Array {
  const mask = new Uint8Array(MASK_BYTES);
  const size = sys('sched_getaffinity', tid, MASK_BYTES, mask);
  online ??= parseCpuList(readFileSync('/sys/devices/system/cpu/online', 'utf8'));
  let bits = 0n;
  let last = 0;
  for (let i = 0; i < size; i++) {
    bits |= BigInt(mask[i]!) << BigInt(8 * i);
    if (mask[i]) last = i + 1;
  }
  return (online & ~bits) === 0n ? new Uint8Array() : mask.slice(0, last);
}

/** "0-3,8" */
function parseCpuList(text: string): bigint {
  let bits = 0n;
  for (const range of text.trim().split(',')) {
    const [first = 0, last = first] = range.split('-').map(Number);
    for (let cpu = first; cpu <= last; cpu++) bits |= 1n << BigInt(cpu);
  }
  return bits;
}
