import type { Messages } from '../image/generated/messages.js';
import { MAXNODE, NODE_MASK_BYTES } from '../kernel/uapi/mempolicy.js';
import type { Batch } from '../task/batch.js';

/** @returns undefined for no nodes at all, as MPOL_LOCAL has it */
function mask(nodes: Uint8Array | undefined): Uint8Array | null {
  if (!nodes || nodes.length === 0) return null;
  const bytes = new Uint8Array(NODE_MASK_BYTES);
  bytes.set(nodes.subarray(0, NODE_MASK_BYTES));
  return bytes;
}

const maxnode = (nodes: Uint8Array | null): number => (nodes ? MAXNODE : 0);

/** The NUMA policy of the calling thread (set_mempolicy(2)). */
export function restoreThreadPolicy(b: Batch, thread: Messages['thread_core_entry']): void {
  if (thread.memory_policy === undefined) return;
  const nodes = mask(thread.memory_policy_nodes);
  using _doing = b.doing('setting the NUMA policy of the thread');
  b.call('set_mempolicy', thread.memory_policy, nodes, maxnode(nodes));
}

/** The NUMA policies of mappings (mbind(2)). Pages that are there already stay where they are. */
export function restoreRangePolicies(b: Batch, vmas: readonly Messages['vma_entry'][]): void {
  for (const { start, end, memory_policy, memory_policy_nodes } of vmas) {
    if (memory_policy === undefined) continue;
    const nodes = mask(memory_policy_nodes);
    using _doing = b.doing(`setting the NUMA policy of ${start.toString(16)}-${end.toString(16)}`);
    b.call('mbind', start, end - start, memory_policy, nodes, maxnode(nodes), 0);
  }
}
