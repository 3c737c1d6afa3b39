import { readFileSync } from 'node:fs';
import type { Messages } from '../image/generated/messages.js';
import { VMA } from '../image/vma-status.js';
import { PR_GET_DUMPABLE, PR_GET_THP_DISABLE } from '../kernel/uapi/prctl.js';
import { answer } from '../native/sys.js';
import type { Batch } from '../task/batch.js';
import { askLockFuture } from './lock-future.js';
import { askRangePolicies } from './mempolicy.js';
import type { DumpTask } from './context.js';
import type { GuardRange } from './pages.js';
import type { DumpVma } from './vmas.js';

/** As many words as CRIU's restore takes; newer kernels have more, which go into a field of crit's own. */
const AUXV_WORDS = 44;

/** What mm_entry needs from inside the task: the break, flags, NUMA policies. 7 operations, and one for each mapping that may have a policy. */
export function askMm(task: DumpTask, vmas: readonly DumpVma[], b: Batch): (exeFileId: number) => Messages['mm_entry'] {
  const brk = b.call('brk', 0);
  const dumpable = b.call('prctl', PR_GET_DUMPABLE, 0, 0, 0, 0);
  const thp = b.tryCall('prctl', PR_GET_THP_DISABLE, 0, 0, 0, 0);
  const lockFuture = askLockFuture(task.pid, b);
  const policies = askRangePolicies(b, task, vmas);
  return (exeFileId) => {
    const { stat } = task.frozen;
    const words = auxv(task.pid);
    const policyOf = policies();
    const locks = lockFuture();
    const noThp = answer('prctl', thp.value, ['EINVAL'], 'PR_GET_THP_DISABLE') ?? 0;
    return {
      mm_start_code: stat.startCode,
      mm_end_code: stat.endCode,
      mm_start_data: stat.startData,
      mm_end_data: stat.endData,
      mm_start_stack: stat.startStack,
      mm_start_brk: stat.startBrk,
      mm_brk: BigInt(brk.value),
      mm_arg_start: stat.argStart,
      mm_arg_end: stat.argEnd,
      mm_env_start: stat.envStart,
      mm_env_end: stat.envEnd,
      exe_file_id: exeFileId,
      mm_saved_auxv: words.slice(0, AUXV_WORDS),
      mm_auxv_tail: words.slice(AUXV_WORDS),
      vmas: vmas.map(({ entry }) => ({ ...entry, ...policyOf.get(entry.start) })),
      dumpable: dumpable.value,
      thp_disabled: noThp > 0,
      ...(noThp > 1 && { thp_disable_flags: noThp & ~1 }),
      ...(locks !== 0 && { lock_future: locks }),
    };
  };
}

/** Guard pages in mm.img. */
export function guardEntry({ start, end }: GuardRange): Messages['vma_entry'] {
  return {
    start: BigInt(start),
    end: BigInt(end),
    pgoff: 0n,
    shmid: 0n,
    prot: 0,
    flags: 0,
    status: VMA.GUARD,
    fd: -1n,
  };
}

/** /proc/PID/auxv: pairs of words (getauxval(3)) up to AT_NULL. */
function auxv(pid: number): bigint[] {
  const bytes = readFileSync(`/proc/${pid}/auxv`);
  const words: bigint[] = [];
  for (let at = 0; at + 16 <= bytes.length; at += 16) {
    words.push(bytes.readBigUInt64LE(at), bytes.readBigUInt64LE(at + 8));
    if (words.at(-2) === 0n) break;
  }
  return words;
}
