import { CritError } from '../image/errors.js';
import * as PR from '../kernel/uapi/prctl.js';
import { SIGALTSTACK, SIGALTSTACK_BYTES } from '../kernel/uapi/signal.js';
import type { ProcStatus } from '../kernel/proc/status.js';
import type { Messages } from '../image/generated/messages.js';
import { answer } from '../native/sys.js';
import { askKeyrings, type ThreadKeyrings } from './keyrings.js';
import { askSandbox, type StandIns } from './landlock.js';
import { askThreadPolicy } from './mempolicy.js';
import type { Batch } from '../task/batch.js';

/** What a thread alone can say about itself. */
export interface ThreadSelf {
  /** The NUMA policy, as its fields in the image. */
  memoryPolicy: ReturnType<ReturnType<typeof askThreadPolicy>>;
  clearTidAddress: bigint;
  altstack: Messages['thread_sas_entry'];
  pdeathSignal: number;
  securebits: number;
  timerSlackNs: bigint;
  /** personality(2) */
  personality: number;
  keyrings: ThreadKeyrings | undefined;
}

function altstackOf(view: DataView): Messages['thread_sas_entry'] {
  return {
    ss_sp: view.getBigUint64(SIGALTSTACK.sp, true),
    ss_size: view.getBigUint64(SIGALTSTACK.size, true),
    ss_flags: view.getUint32(SIGALTSTACK.flags, true),
  };
}

/** personality(2): only tells. */
const PERSONALITY_GET = 0xffffffff;

/** 15 operations of the thread's batch. @throws CritError UNSUPPORTED, when answering, for a sandbox */
export function askSelf(b: Batch, tid: number, status: ProcStatus, standIns: StandIns): () => ThreadSelf {
  b.reserve(6, SIGALTSTACK_BYTES + 64);
  const stack = b.out(SIGALTSTACK_BYTES);
  const clearTid = b.out(8);
  const signal = b.out(4);
  b.call('sigaltstack', null, stack);
  // CONFIG_CHECKPOINT_RESTORE
  b.call('prctl', PR.PR_GET_TID_ADDRESS, clearTid, 0, 0, 0);
  b.call('prctl', PR.PR_GET_PDEATHSIG, signal, 0, 0, 0);
  const bits = b.call('prctl', PR.PR_GET_SECUREBITS, 0, 0, 0, 0);
  const slack = b.call('prctl', PR.PR_GET_TIMERSLACK, 0, 0, 0, 0);
  const personality = b.call('personality', PERSONALITY_GET);
  const memoryPolicy = askThreadPolicy(b);
  const keyrings = askKeyrings(b, tid);
  const refuseSandbox = askSandbox(b, tid, status, standIns);
  return () => {
    refuseSandbox();
    return {
      memoryPolicy: memoryPolicy(),
      clearTidAddress: clearTid.view.getBigUint64(0, true),
      altstack: altstackOf(stack.view),
      pdeathSignal: signal.view.getInt32(0, true),
      securebits: bits.value,
      timerSlackNs: BigInt(slack.value),
      personality: personality.value,
      keyrings: keyrings(),
    };
  };
}

/** Settings of the process as a whole. */
export interface ProcessSettings {
  childSubreaper: boolean;
  membarrier: number;
  mceKillPolicy: number | undefined;
  tscDisabled: boolean;
  memoryMerge: boolean;
}

/** linux/membarrier.h, MEMBARRIER_CMD_GET_REGISTRATIONS (Linux 6.3) */
const MEMBARRIER_GET_REGISTRATIONS = 1 << 9;

/** modify_ldt(2): the function that reads; an entry has 8 bytes. */
const LDT_READ = 0;
const LDT_ENTRY_BYTES = 8;

/** 6 operations. @throws CritError UNSUPPORTED, when answering, for a local descriptor table */
export function askSettings(pid: number, b: Batch): () => ProcessSettings {
  b.reserve(6, 96);
  const reaper = b.out(4);
  const tsc = b.out(4);
  b.call('prctl', PR.PR_GET_CHILD_SUBREAPER, reaper, 0, 0, 0);
  const askedTsc = b.tryCall('prctl', PR.PR_GET_TSC, tsc, 0, 0, 0);
  const mce = b.tryCall('prctl', PR.PR_MCE_KILL_GET, 0, 0, 0, 0);
  const membarrier = b.tryCall('membarrier', MEMBARRIER_GET_REGISTRATIONS, 0, 0);
  const merge = b.tryCall('prctl', PR.PR_GET_MEMORY_MERGE, 0, 0, 0, 0);
  const ldt = b.tryCall('modify_ldt', LDT_READ, b.out(LDT_ENTRY_BYTES), LDT_ENTRY_BYTES);
  return () => {
    if ((answer('modify_ldt', ldt.value, ['ENOSYS']) ?? 0) > 0)
      throw new CritError(`process ${pid} has a local descriptor table (modify_ldt): not supported`, {
        code: 'UNSUPPORTED',
      });
    const policy = answer('prctl', mce.value, ['EINVAL'], 'PR_MCE_KILL_GET');
    return {
      childSubreaper: reaper.view.getInt32(0, true) !== 0,
      membarrier: answer('membarrier', membarrier.value, ['EINVAL', 'ENOSYS']) ?? 0,
      mceKillPolicy: policy === PR.PR_MCE_KILL_DEFAULT ? undefined : policy,
      tscDisabled:
        answer('prctl', askedTsc.value, ['EINVAL'], 'PR_GET_TSC') === 0 &&
        tsc.view.getInt32(0, true) === PR.PR_TSC_SIGSEGV,
      memoryMerge: answer('prctl', merge.value, ['EINVAL'], 'PR_GET_MEMORY_MERGE') === 1,
    };
  };
}
