import { imageFileName } from '../../image/catalogue.js';
import { CoreEntryMarch, type MmEntry, type VmaEntry } from '../../image/generated/messages.js';
import { isMapping, vmaFault } from '../../image/vma-fault.js';
import { VMA } from '../../image/vma-status.js';
import type { CheckedTask } from './checked-task.js';
import { checkFileId } from './descriptors.js';
import { DUMP_AGAIN, type Report, type Rule } from './finding.js';

/** The end of user space on x86_64, four levels of page tables; of other machines nothing is known here. */
const X86_TASK_SIZE = 0x7ffffffff000n;
const ANY_TASK_SIZE = 1n << 63n;
/** linux/rseq.h */
const RSEQ_ALIGN = 32n;

const placeOf = (task: CheckedTask, i: number, field?: string) => ({
  image: task.vmaImage,
  entry: task.mm?.vmas?.length ? 0 : i,
  field: task.mm?.vmas?.length ? `vmas[${i}]${field === undefined ? '' : `.${field}`}` : field,
});

/** Pairs that PR_SET_MM_MAP compares (prctl(2), validate_prctl_map_addr of the kernel). */
const ORDERED: readonly (readonly [keyof MmEntry, keyof MmEntry])[] = [
  ['mm_start_code', 'mm_end_code'],
  ['mm_start_data', 'mm_end_data'],
  ['mm_start_brk', 'mm_brk'],
  ['mm_arg_start', 'mm_arg_end'],
  ['mm_env_start', 'mm_env_end'],
];

const covers = (vmas: readonly VmaEntry[], address: bigint): boolean =>
  vmas.some((vma) => isMapping(vma) && vma.start <= address && address < vma.end);

/** A thread's address that must be mapped. */
function checkMapped(task: CheckedTask, report: Report, image: string, field: string, address: bigint, what: string) {
  if (task.vmas && !covers(task.vmas, address))
    report({ image, entry: 0, field }, `${what} 0x${address.toString(16)}, where nothing is mapped`);
}

/** Address spaces. */
export const memoryRules: readonly Rule[] = [
  {
    code: 'V_VMA',
    severity: 'error',
    checks: 'mappings are of whole pages, in user space, in order, and do not overlap',
    todo: DUMP_AGAIN,
    task: (task, report) => {
      const taskSize = task.core?.mtype === CoreEntryMarch.X86_64 ? X86_TASK_SIZE : ANY_TASK_SIZE;
      let end = 0n;
      for (const [i, vma] of (task.vmas ?? []).entries()) {
        const mapping = isMapping(vma);
        // the kernel's own page lies beyond
        if (!mapping && vma.status !== VMA.GUARD) continue;
        const fault = vmaFault(vma, mapping ? end : 0n, taskSize);
        if (fault !== undefined) report(placeOf(task, i), fault);
        else if (mapping) end = vma.end;
      }
    },
  },
  {
    code: 'V_VMA_FILE',
    severity: 'error',
    checks: 'a mapping of a file has the id of one in files.img',
    todo: DUMP_AGAIN,
    task: (task, report, set) => {
      for (const [i, { status, shmid }] of (task.vmas ?? []).entries())
        if (status & (VMA.FILE_PRIVATE | VMA.FILE_SHARED | VMA.SOCKET) && !(status & VMA.SYSVIPC))
          checkFileId(set, report, placeOf(task, i, 'shmid') as { image: string; field: string }, Number(shmid));
    },
  },
  {
    code: 'V_MM_PROGRAM',
    severity: 'error',
    checks: 'the program of a task is in files.img',
    todo: DUMP_AGAIN,
    task: (task, report, set) => {
      const image = imageFileName('MM', task.pid);
      if (task.mm) checkFileId(set, report, { image, entry: 0, field: 'exe_file_id' }, task.mm.exe_file_id);
    },
  },
  {
    code: 'V_MM_ORDER',
    severity: 'error',
    checks: 'code, data, heap, arguments and environment end behind their start',
    todo: DUMP_AGAIN,
    task: (task, report) => {
      const { mm } = task;
      if (!mm) return;
      for (const [start, end] of ORDERED)
        if ((mm[start] as bigint) > (mm[end] as bigint))
          report({ image: imageFileName('MM', task.pid), entry: 0, field: end }, `is below ${start}`);
    },
  },
  {
    code: 'V_MM_AIO',
    severity: 'error',
    checks: 'an AIO context has a ring of its size among the mappings, and each ring has a context',
    todo: DUMP_AGAIN,
    task: (task, report) => {
      const { mm, vmas } = task;
      if (!mm || !vmas) return;
      const rings = new Map(vmas.filter(({ status }) => status & VMA.AIORING).map((vma) => [vma.start, vma.end]));
      for (const [i, { id, ring_len }] of (mm.aios ?? []).entries()) {
        const place = { image: imageFileName('MM', task.pid), entry: 0, field: `aios[${i}]` };
        if (rings.get(id) !== id + BigInt(ring_len))
          report(place, `no ring of ${ring_len} bytes is at 0x${id.toString(16)}`);
        rings.delete(id);
      }
      for (const [i, { start, status }] of vmas.entries())
        if (status & VMA.AIORING && rings.has(start)) report(placeOf(task, i), 'is a ring without context');
    },
  },
  {
    code: 'V_CORE_ADDRESS',
    severity: 'error',
    checks: 'a thread goes on where something is mapped, and so is its rseq area',
    todo: DUMP_AGAIN,
    task: (task, report) => {
      for (const { core, image } of task.threads) {
        const rip = core.thread_info?.gpregs.ip;
        if (rip !== undefined) checkMapped(task, report, image, 'thread_info.gpregs.ip', rip, 'goes on at');
        const rseq = core.thread_core?.rseq_entry;
        if (!rseq || rseq.rseq_abi_pointer === 0n) continue;
        const field = 'thread_core.rseq_entry.rseq_abi_pointer';
        if (rseq.rseq_abi_pointer % RSEQ_ALIGN) report({ image, entry: 0, field }, 'is not aligned');
        checkMapped(task, report, image, field, rseq.rseq_abi_pointer, 'is at');
      }
    },
  },
];
