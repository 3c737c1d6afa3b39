import { REG } from '../arch/index.js';
import type { Messages } from '../image/generated/messages.js';
import { ERRNO } from '../kernel/uapi/errno.js';
import * as P from '../kernel/uapi/ptrace.js';
import { RSEQ, RSEQ_CS, RSEQ_CS_BYTES } from '../kernel/uapi/rseq.js';
import { answer, SysError, sysRaw } from '../native/sys.js';
import type { BorrowedThread } from '../task/borrowed-thread.js';
import { readMemory } from '../task/remote-memory.js';

/** The rseq(2) registration of a stopped thread (zeros for none); undefined before Linux 5.13. */
export function rseqOf(tid: number): Messages['rseq_entry'] | undefined {
  const conf = new DataView(new ArrayBuffer(P.RSEQ_CONFIGURATION_BYTES));
  const got = sysRaw('ptrace', P.PTRACE_GET_RSEQ_CONFIGURATION, tid, P.RSEQ_CONFIGURATION_BYTES, conf.buffer);
  if ((answer('ptrace', got, ['EIO', 'EINVAL'], `of task ${tid}`) ?? 0) < P.RSEQ_CONFIGURATION_BYTES) return undefined;
  return {
    rseq_abi_pointer: conf.getBigUint64(P.RSEQ_CONFIGURATION.rseq_abi_pointer, true),
    rseq_abi_size: conf.getUint32(P.RSEQ_CONFIGURATION.rseq_abi_size, true),
    signature: conf.getUint32(P.RSEQ_CONFIGURATION.signature, true),
  };
}

/**
 * Sends a thread that was stopped inside a restartable sequence to its abort handler, as the kernel does with every thread
 * that was preempted there. Were it done later, the kernel would have seen the thread run the blob, outside of the
 * sequence, and forgotten that it was in one.
 */
export function leaveCriticalSection(thread: BorrowedThread, rseq: Messages['rseq_entry']): void {
  if (rseq.rseq_abi_pointer === 0n) return;
  const { tid } = thread.tracee;
  try {
    const pointer = readMemory(tid, rseq.rseq_abi_pointer + BigInt(RSEQ.rseq_cs), 8).readBigUInt64LE();
    if (pointer === 0n) return;
    const section = readMemory(tid, pointer, RSEQ_CS_BYTES);
    const start = section.readBigUInt64LE(RSEQ_CS.start_ip);
    const inside =
      BigInt.asUintN(64, thread.regs[REG.ip]! - start) < section.readBigUInt64LE(RSEQ_CS.post_commit_offset);
    if (inside) thread.regs[REG.ip] = section.readBigUInt64LE(RSEQ_CS.abort_ip);
  } catch (error) {
    if (!(error instanceof SysError) || error.errno !== ERRNO.EFAULT) throw error;
    // a pointer to nothing: the kernel will tell the thread when it runs on
  }
}
