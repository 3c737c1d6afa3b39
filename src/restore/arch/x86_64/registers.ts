import type { Messages } from '../../../image/generated/messages.js';
import { CritError } from '../../../image/errors.js';
import { TASK_SIZE, USER_CS, USER_DS, USER_REGS } from '../../../kernel/arch/x86_64/registers.js';
import { xstateOf } from '../../../task/arch/x86_64/xstate.js';
import { xsaveLayout } from '../../../task/arch/x86_64/xsave-layout.js';
import { regsFromImage, type Resumption } from '../../../task/restart.js';
import { NR_REGS, type Regs } from '../../../task/tracee.js';

const X86_64 = 1;
/** user_x86_regs_mode */
const COMPAT = 2;

/** What a thread wakes up with. */
export interface Registers {
  regs: Regs;
  /** A call that its kernel side must be in before it wakes up. */
  resume: Resumption | undefined;
  /** Makes its XSAVE image out of the one that a puppet has. */
  xstate: (template: Uint8Array) => Uint8Array;
  sigmask: bigint;
}

/** The registers of a core image. @throws CritError BAD_IMAGE, UNSUPPORTED */
export function registersOf(core: Messages['core_entry']): Registers {
  const info = core.thread_info;
  if (core.mtype !== X86_64 || !info)
    throw new CritError(`the core image is of another processor (mtype ${core.mtype})`, { code: 'UNSUPPORTED' });
  if (info.gpregs.mode === COMPAT)
    throw new CritError('the task runs 32-bit code: not supported', { code: 'UNSUPPORTED' });
  if (info.fpregs.xsave?.cet?.cet)
    throw new CritError('the task uses a shadow stack: not supported', { code: 'UNSUPPORTED' });
  const { cs, ss, fs_base, gs_base } = info.gpregs;
  if (cs !== BigInt(USER_CS) || ss !== BigInt(USER_DS) || fs_base >= TASK_SIZE || gs_base >= TASK_SIZE)
    throw new CritError('thread_info.gpregs: a segment (cs, ss, fs_base, gs_base) is none of user code', {
      code: 'BAD_IMAGE',
    });
  const image = new BigUint64Array(NR_REGS);
  USER_REGS.forEach((name, i) => {
    image[i] = info.gpregs[name];
  });
  const { regs, resume } = regsFromImage(image, info.gpregs.restart_error);
  return {
    regs,
    resume,
    xstate: (template) => xstateOf(info.fpregs, template, xsaveLayout()),
    sigmask: core.tc ? core.tc.blk_sigset : (core.thread_core?.blk_sigset ?? 0n),
  };
}
