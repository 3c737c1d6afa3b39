import { CoreEntryMarch, type Messages } from '../../image/generated/messages.js';
import { CritError } from '../../image/errors.js';
import type { Cpuid, RegistersOfImage } from '../arch.js';
import { NR_REGS, TASK_SIZE, USER_CS, USER_DS, USER_REGS } from './registers.js';
import { xstateOf } from './xstate.js';
import { xsaveLayout } from './xsave-layout.js';

/** asm/segment.h: who may use a selector; the kernel refuses any other but 0 (arch/x86/kernel/ptrace.c, invalid_selector). */
const RPL_MASK = 3n;
const RPL_USER = 3n;
/** user_x86_regs_mode */
const COMPAT = 2;

/** The registers of a core image. @param file its name, for errors. @throws CritError BAD_IMAGE, UNSUPPORTED */
export function registersOf(core: Messages['core_entry'], file: string, cpuid: Cpuid): RegistersOfImage {
  const no = (what: string) => new CritError(`${file}: ${what}: not supported`, { code: 'UNSUPPORTED' });
  const bad = (what: string) => new CritError(`${file}: thread_info${what}`, { code: 'BAD_IMAGE' });
  const info = core.thread_info;
  if (core.mtype !== CoreEntryMarch.X86_64) throw no(`the image is of another processor (mtype ${core.mtype})`);
  if (!info) throw bad(' is missing');
  if (info.gpregs.mode === COMPAT) throw no('the task runs 32-bit code');
  if (info.fpregs.xsave?.cet?.cet) throw no('the task uses a shadow stack');
  const { cs, ss, fs_base, gs_base } = info.gpregs;
  if (cs !== BigInt(USER_CS)) throw bad(`.gpregs.cs: 0x${cs.toString(16)} is no segment of 64-bit user code`);
  if (ss !== BigInt(USER_DS)) throw bad(`.gpregs.ss: 0x${ss.toString(16)} is no segment of a user stack`);
  if (fs_base >= BigInt(TASK_SIZE) || gs_base >= BigInt(TASK_SIZE))
    throw bad('.gpregs: fs_base or gs_base is no user address');
  for (const name of ['ds', 'es', 'fs', 'gs'] as const) {
    const selector = info.gpregs[name];
    if (selector > 0xffffn || (selector !== 0n && (selector & RPL_MASK) !== RPL_USER))
      throw bad(`.gpregs.${name}: 0x${selector.toString(16)} is no selector of a user segment`);
  }
  const image = new BigUint64Array(NR_REGS);
  USER_REGS.forEach((name, i) => {
    image[i] = info.gpregs[name];
  });
  return {
    regs: image,
    restartError: info.gpregs.restart_error,
    timeLeftNs: info.gpregs.time_left_ns,
    xstate: (template) => xstateOf(info.fpregs, template, xsaveLayout(cpuid), file),
  };
}
