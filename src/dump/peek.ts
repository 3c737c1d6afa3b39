import type { Messages } from '../image/generated/messages.js';
import { isNative, hasTiles, tlsOf } from '../arch/index.js';
import * as P from '../kernel/uapi/ptrace.js';
import { SIGINFO_BYTES } from '../kernel/uapi/signal.js';
import { readStatus, type ProcStatus } from '../kernel/proc/status.js';
import { ARCH_SHSTK_STATUS } from '../kernel/uapi/prctl.js';
import { answer, SysError, sysRaw } from '../native/sys.js';
import type { BorrowedThread, BorrowMapping } from '../task/borrowed-thread.js';
import { hideStop } from '../task/restart.js';
import { refusedByStatus, refusedProgram, refusedThread } from './refuse-thread.js';
import { leaveCriticalSection, rseqOf } from './rseq.js';
import { checkLabel } from './security-label.js';
import { peekSeccomp, type ThreadSeccomp } from './peek-seccomp.js';
import type { Sleepers } from './sleepers.js';
import { timedCallOf, type TimedCall } from './timed-call.js';

/** What only a tracer sees of a thread, and only while it stands still. */
export interface PeekedThread {
  status: ProcStatus;
  /** Pending for the thread, and (asked of the leader) for the process: siginfo_t each, in the order of delivery. */
  ownSignals: Uint8Array[];
  sharedSignals: Uint8Array[];
  rseq: Messages['rseq_entry'] | undefined;
  tls: Messages['user_desc_t'][];
  /** Undefined where it is not restricted. */
  seccomp: ThreadSeccomp | undefined;
  /** Its call; undefined with a signal to take. */
  timed: TimedCall | undefined;
}

const PIECE = 32;
/** linux/prctl.h: struct ptrace_sud_config, its mode first */
const SUD_CONFIG_BYTES = 32;

/**
 * Reads what a thread will no longer show once it runs the blob, and takes it out of a restartable sequence. Refuses
 * what cannot be dumped, before anything is changed in the process. No stop; some 6 ptrace calls.
 * @throws CritError UNSUPPORTED
 */
export function peekThread(
  pid: number,
  thread: BorrowedThread,
  leader: boolean,
  maps: readonly BorrowMapping[],
  sleepers: Sleepers,
): PeekedThread {
  const { tid } = thread.tracee;
  const status = readStatus(pid, tid);
  if (leader) for (const refused of refusedProgram(pid, status.name)) throw refused;
  refuse(pid, thread, status);
  const seccomp = peekSeccomp(pid, tid, status);
  const pending = status.sigPnd | status.shdPnd;
  let timed: TimedCall | undefined;
  if ((pending & ~thread.sigmask) === 0n) {
    timed = timedCallOf(thread, status, sleepers, maps);
    hideStop(thread.regs);
  }
  const rseq = rseqOf(tid);
  if (rseq) leaveCriticalSection(thread, rseq);
  return {
    status,
    ownSignals: status.sigPnd ? peekSignals(tid, 0) : [],
    sharedSignals: leader && status.shdPnd ? peekSignals(tid, P.PTRACE_PEEKSIGINFO_SHARED) : [],
    rseq,
    seccomp,
    tls: tlsOf((entry, into) => {
      const r = sysRaw('ptrace', P.PTRACE_GET_THREAD_AREA, tid, entry, into);
      return answer('ptrace', r, ['EIO', 'EINVAL'], `GET_THREAD_AREA of task ${tid}`) !== undefined;
    }),
    timed,
  };
}

function refuse(pid: number, thread: BorrowedThread, status: ProcStatus): void {
  const { tid } = thread.tracee;
  const no = (what: string) => refusedThread(pid, tid, what);
  if (!isNative(thread.regs)) throw no('runs 32-bit code');
  if (hasTiles(thread.xstate)) throw no('has AMX tile registers in use');
  for (const refused of refusedByStatus(pid, tid, status)) throw refused;
  checkLabel(pid, tid);
  const shadow = new BigUint64Array(1);
  // arch_prctl(ARCH_SHSTK_STATUS) of another thread
  const asked = sysRaw('ptrace', P.PTRACE_ARCH_PRCTL, tid, shadow, ARCH_SHSTK_STATUS);
  if (answer('ptrace', asked, ['EINVAL', 'EIO', 'ENOTSUPP', 'EOPNOTSUPP']) === 0 && shadow[0]! & 1n)
    throw no('uses a shadow stack');
  const dispatch = new BigUint64Array(SUD_CONFIG_BYTES / 8);
  const dispatched = sysRaw('ptrace', P.PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG, tid, SUD_CONFIG_BYTES, dispatch);
  if (answer('ptrace', dispatched, ['EINVAL', 'EIO']) === 0 && dispatch[0])
    throw no('dispatches its system calls itself (PR_SET_SYSCALL_USER_DISPATCH)');
}

/** PTRACE_PEEKSIGINFO: a queue as it is. */
function peekSignals(tid: number, flags: number): Uint8Array[] {
  const args = new DataView(new ArrayBuffer(P.PEEKSIGINFO_ARGS_BYTES));
  const signals: Uint8Array[] = [];
  for (;;) {
    args.setBigUint64(0, BigInt(signals.length), true);
    args.setUint32(8, flags, true);
    args.setInt32(12, PIECE, true);
    const buffer = new Uint8Array(PIECE * SIGINFO_BYTES);
    const got = sysRaw('ptrace', P.PTRACE_PEEKSIGINFO, tid, args.buffer, buffer);
    if (got < 0) throw new SysError('ptrace', -got, `PEEKSIGINFO of task ${tid}`);
    for (let i = 0; i < got; i++) signals.push(buffer.slice(i * SIGINFO_BYTES, (i + 1) * SIGINFO_BYTES));
    if (got === 0) return signals;
  }
}
