import type { Messages } from '../../../image/generated/messages.js';
import { USER_REGS } from '../../../arch/x86_64/registers.js';
import { addon } from '../../../native/addon.js';
import { fpregsOf } from '../../../task/arch/x86_64/xstate.js';
import { xsaveLayout } from '../../../task/arch/x86_64/xsave-layout.js';
import type { BorrowedThread } from '../../../task/borrowed-thread.js';
import { regsForImage } from '../../../task/restart.js';
import { REG } from '../../../task/tracee.js';
import type { TimedCall } from '../../timed-call.js';

/** Native (64-bit) in user_x86_regs_mode */
const NATIVE = 1;
/** CPUID leaf 7, ecx: shadow stacks */
const CPUID_SHSTK = 1 << 7;

let shadowStacks: boolean | undefined;

/** The processor part of a core image. */
export function threadInfo(
  thread: BorrowedThread,
  clearTidAddress: bigint,
  tls: Messages['user_desc_t'][],
  call: TimedCall | undefined,
): Messages['thread_info_x86'] {
  const own = call ? thread.regs.with(REG.orig_ax, call.nr) : thread.regs;
  const { regs, restartError } = regsForImage(own);
  const gpregs = Object.fromEntries(
    USER_REGS.map((name, i) => [name, regs[i]!]),
  ) as unknown as Messages['user_x86_regs_entry'];
  gpregs.mode = NATIVE;
  if (restartError !== undefined) gpregs.restart_error = restartError;
  if (call?.leftNs !== undefined) gpregs.time_left_ns = call.leftNs;
  shadowStacks ??= (addon().cpuid(7, 0)[2]! & CPUID_SHSTK) !== 0;
  return {
    clear_tid_addr: clearTidAddress,
    gpregs,
    fpregs: fpregsOf(thread.xstate, xsaveLayout(), shadowStacks),
    tls,
  };
}
