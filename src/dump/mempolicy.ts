import type { Messages } from '../image/generated/messages.js';
import { PAGE_SIZE, VMA } from '../image/vma-status.js';
import { MAXNODE, MPOL_DEFAULT, MPOL_F_ADDR, NODE_MASK_BYTES } from '../kernel/uapi/mempolicy.js';
import { readProcText } from '../kernel/proc/proc-file.js';
import { answer, sysRaw } from '../native/sys.js';
import type { Batch, Out } from '../task/batch.js';
import type { DumpTask } from './context.js';
import type { DumpVma } from './vmas.js';

type Policy = Pick<Messages['vma_entry'], 'memory_policy' | 'memory_policy_nodes'>;

let numa: boolean | undefined;

/** A kernel without CONFIG_NUMA has no policies. */
const hasPolicies = (): boolean =>
  (numa ??= answer('get_mempolicy', sysRaw('get_mempolicy', null, null, 0, 0, 0), ['ENOSYS']) !== undefined);

/** What the task wrote is no more than numbers that are handed to the same calls again. */
function policyOf(mode: Out, nodes: Out): Policy {
  const policy = mode.view.getUint32(0, true);
  if (policy === MPOL_DEFAULT) return {};
  const mask = nodes.bytes;
  const used = mask.findLastIndex((byte) => byte !== 0) + 1;
  return { memory_policy: policy, ...(used > 0 && { memory_policy_nodes: mask.slice(0, used) }) };
}

/** The NUMA policy of a thread (set_mempolicy(2)), in its own batch: 1 operation. */
export function askThreadPolicy(b: Batch): () => Policy {
  if (!hasPolicies()) return () => ({});
  b.reserve(1, NODE_MASK_BYTES + 16);
  const mode = b.out(4);
  const nodes = b.out(NODE_MASK_BYTES);
  b.call('get_mempolicy', mode, nodes, MAXNODE, 0, 0);
  return () => policyOf(mode, nodes);
}

/** So many mappings are asked about in one piece. */
const PART = 256;
/** The kernel's own mappings have no policy. */
const KERNELS = VMA.VVAR | VMA.VDSO | VMA.VSYSCALL;

/** For so many pages a mapping, numa_maps takes the kernel as long as the questions would. */
const PAGES_A_MAPPING = 45;

/** The mappings that may have a policy of their own: numa_maps does not tell it from the thread's. */
function candidates(task: DumpTask, vmas: readonly DumpVma[]): bigint[] {
  if (!hasPolicies()) return [];
  const starts = vmas.flatMap(({ entry }) => (entry.status & KERNELS ? [] : [entry.start]));
  if (((task.status.vmRssKb ?? 0) * 1024) / PAGE_SIZE > starts.length * PAGES_A_MAPPING) return starts;
  const lines = readProcText(task.pid, 'numa_maps').matchAll(/^([0-9a-f]+) (?!default\b)/gm);
  const some = new Set([...lines].map(([, start]) => BigInt(`0x${start!}`)));
  return starts.filter((start) => some.has(start));
}

/** The NUMA policies of mappings (mbind(2)): 1 operation each where there may be one, and a batch more where there is. */
export function askRangePolicies(
  b: Batch,
  task: DumpTask,
  vmas: readonly DumpVma[],
): () => ReadonlyMap<bigint, Policy> {
  const starts = candidates(task, vmas);
  const parts: { starts: bigint[]; modes: Out }[] = [];
  for (let at = 0; at < starts.length; at += PART) {
    const part = starts.slice(at, at + PART);
    b.reserve(part.length, part.length * 4 + 16);
    const modes = b.out(part.length * 4);
    part.forEach((start, i) => b.call('get_mempolicy', modes.address + i * 4, null, 0, start, MPOL_F_ADDR));
    parts.push({ starts: part, modes });
  }
  return () => {
    const bound = parts.flatMap(({ starts, modes }) =>
      starts.filter((_, i) => modes.view.getUint32(i * 4, true) !== MPOL_DEFAULT),
    );
    const answers = bound.map((start) => {
      b.reserve(1, NODE_MASK_BYTES + 16);
      const mode = b.out(4);
      const nodes = b.out(NODE_MASK_BYTES);
      b.call('get_mempolicy', mode, nodes, MAXNODE, start, MPOL_F_ADDR);
      return () => [start, policyOf(mode, nodes)] as const;
    });
    b.run();
    return new Map(answers.map((answer) => answer()));
  };
}
