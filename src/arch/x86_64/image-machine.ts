import type { ImageMachine } from '../image-machine.js';
import { fxsaveOf, fixedXsaveOf } from './fixed-xsave.js';
import { endsWithCall } from './call-bytes.js';
import { NR_REGS, SIGCONTEXT, UCONTEXT, USER_REGS } from './registers.js';

/** System V ABI for x86_64, figure 3.36: registers in the order of their DWARF numbers; the last is the return address. */
const DWARF = [
  'ax', 'dx', 'cx', 'bx', 'si', 'di', 'bp', 'sp', 'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15', 'ip',
] as const; // prettier-ignore
const number = (name: (typeof DWARF)[number]): number => DWARF.indexOf(name);

export const imageMachine: ImageMachine = {
  name: 'x86_64',
  elfMachine: 62,
  wordBytes: 8,
  frameOf: ({ thread_info }) =>
    thread_info && { pc: thread_info.gpregs.ip, registers: DWARF.map((name) => thread_info.gpregs[name]) },
  dwarf: {
    stackPointer: number('sp'),
    framePointer: number('bp'),
    instruction: number('ip'),
    link: undefined,
    scratch: (['ax', 'dx', 'cx', 'si', 'di', 'r8', 'r9', 'r10', 'r11'] as const).map(number),
  },
  frameRecordBytes: 16,
  plainAddress: (value) => value,
  endsWithCall,
  signalReturn: {
    // mov $15, %rax; syscall
    code: [0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05],
    registers: new Map(DWARF.map((name, i) => [i, UCONTEXT.mcontext + SIGCONTEXT[name]])),
    pc: UCONTEXT.mcontext + SIGCONTEXT.ip,
  },
  registerSets: ({ thread_info }) => {
    const { gpregs, fpregs } = thread_info!;
    const general = Buffer.alloc(NR_REGS * 8);
    for (const [i, name] of USER_REGS.entries()) general.writeBigUInt64LE(gpregs[name], i * 8);
    const wide = fixedXsaveOf(fpregs);
    return [
      { note: 'PRSTATUS', bytes: general },
      { note: 'PRFPREG', bytes: fxsaveOf(fpregs) },
      ...(wide ? [{ note: 'X86_XSTATE', bytes: wide } as const] : []),
    ];
  },
};
