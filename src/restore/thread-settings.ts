import type { Messages } from '../image/generated/messages.js';
import { CritError } from '../image/errors.js';
import { bytesOfString } from '../image/utf8.js';
import * as PR from '../kernel/uapi/prctl.js';
import { SIGALTSTACK, SIGALTSTACK_BYTES, SS_ONSTACK } from '../kernel/uapi/signal.js';
import type { Batch } from '../task/batch.js';

const COMM_BYTES = 16;

/** PR_SET_NAME: comm, of which the kernel keeps 15 bytes. */
export function setName(b: Batch, name: string | undefined): void {
  if (name === undefined) return;
  const bytes = new Uint8Array(COMM_BYTES);
  bytes.set((bytesOfString(name) ?? new Uint8Array()).subarray(0, COMM_BYTES - 1));
  using _doing = b.doing('setting the name');
  b.call('prctl', PR.PR_SET_NAME, bytes, 0, 0, 0);
}

/** The thread's name, alternate stack, robust list, and the address that is cleared and woken when it ends. */
export function restoreThreadSettings(b: Batch, core: Messages['core_entry']): void {
  const thread = core.thread_core!;
  setName(b, thread.comm ?? core.tc?.comm);
  const { sas } = thread;
  if (sas) {
    const stack = new DataView(new ArrayBuffer(SIGALTSTACK_BYTES));
    stack.setBigUint64(SIGALTSTACK.sp, sas.ss_sp, true);
    stack.setUint32(SIGALTSTACK.flags, (sas.ss_flags & ~SS_ONSTACK) >>> 0, true);
    stack.setBigUint64(SIGALTSTACK.size, sas.ss_size, true);
    using _doing = b.doing('setting the alternate signal stack');
    b.call('sigaltstack', new Uint8Array(stack.buffer), null);
  }
  if (thread.futex_rla_len) {
    using _doing = b.doing('setting the list of robust futexes');
    b.call('set_robust_list', thread.futex_rla, thread.futex_rla_len);
  }
  b.call('set_tid_address', core.thread_info?.clear_tid_addr ?? 0n);
  restoreTls(b, core.thread_info?.tls ?? []);
}

/** set_thread_area(2), for those segments that 32-bit code in a 64-bit task uses. */
function restoreTls(b: Batch, entries: readonly Messages['user_desc_t'][]): void {
  for (const entry of entries) {
    if (entry.seg_not_present) continue;
    const bits = [
      entry.seg_32bit,
      entry.contents_l,
      entry.contents_h,
      entry.read_exec_only,
      entry.limit_in_pages,
      entry.seg_not_present,
      entry.usable,
    ].reduce((sum, bit, i) => sum | (Number(bit) << i), 0);
    using _doing = b.doing(`setting thread-local segment ${entry.entry_number}`);
    b.call(
      'set_thread_area',
      new Uint8Array(Uint32Array.of(entry.entry_number, entry.base_addr, entry.limit, bits).buffer),
    );
  }
}

/** Registers the area of restartable sequences (rseq(2)). From here on the kernel writes to it. */
export function restoreRseq(b: Batch, entry: Messages['rseq_entry'] | undefined): void {
  if (!entry?.rseq_abi_pointer) return;
  if (entry.rseq_abi_size === 0)
    throw new CritError('thread_core.rseq_entry.rseq_abi_size is 0', { code: 'BAD_IMAGE' });
  using _doing = b.doing('registering restartable sequences');
  b.call('rseq', entry.rseq_abi_pointer, entry.rseq_abi_size, 0, entry.signature);
}
