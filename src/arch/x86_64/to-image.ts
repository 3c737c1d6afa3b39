import { CoreEntryMarch, type Messages } from '../../image/generated/messages.js';
import type { CoreOfArch, Cpuid, DumpedThread } from '../arch.js';
import { USER_REGS } from './registers.js';
import { xsaveLayout } from './xsave-layout.js';
import { fpregsOf } from './xstate.js';

/** Native (64-bit) in user_x86_regs_mode */
const NATIVE = 1;
/** CPUID leaf 7, ecx: shadow stacks */
const CPUID_SHSTK = 1 << 7;

let shadowStacks: boolean | undefined;

/** The processor part of a core image. */
export function coreOf(thread: DumpedThread, cpuid: Cpuid): CoreOfArch {
  const gpregs = Object.fromEntries(
    USER_REGS.map((name, i) => [name, thread.regs[i]!]),
  ) as unknown as Messages['user_x86_regs_entry'];
  gpregs.mode = NATIVE;
  if (thread.restartError !== undefined) gpregs.restart_error = thread.restartError;
  if (thread.timeLeftNs !== undefined) gpregs.time_left_ns = thread.timeLeftNs;
  shadowStacks ??= (cpuid(7, 0)[2]! & CPUID_SHSTK) !== 0;
  return {
    mtype: CoreEntryMarch.X86_64,
    thread_info: {
      clear_tid_addr: thread.clearTidAddress,
      gpregs,
      fpregs: fpregsOf(thread.xstate, xsaveLayout(cpuid), shadowStacks),
      tls: thread.tls,
    },
  };
}
