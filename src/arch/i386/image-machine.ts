import type { ImageMachine } from '../image-machine.js';
import { endsWithCall } from '../x86_64/call-bytes.js';
import { fixedXsaveOf, fxsaveOf } from '../x86_64/fixed-xsave.js';
import { fsaveOf } from './fsave.js';
import { tlsBytes } from './tls.js';

/** System V ABI for i386, table 2.14: registers in the order of their DWARF numbers; the last is the return address. */
const DWARF = ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di', 'ip'] as const;
const number = (name: (typeof DWARF)[number]): number => DWARF.indexOf(name);
/** asm/user_32.h, struct user_regs_struct: in its order, 4 bytes each. */
const USER_REGS = [
  'bx', 'cx', 'dx', 'si', 'di', 'bp', 'ax', 'ds', 'es', 'fs', 'gs', 'orig_ax', 'ip', 'cs', 'flags', 'sp', 'ss',
] as const; // prettier-ignore
const MASK = 0xffff_ffffn;

/** 32-bit programs of x86_64: what is in the images are the registers of a 64-bit kernel. */
export const i386: ImageMachine = {
  name: 'i386',
  elfMachine: 3,
  wordBytes: 4,
  frameOf: ({ thread_info }) =>
    thread_info && {
      pc: thread_info.gpregs.ip & MASK,
      registers: DWARF.map((name) => thread_info.gpregs[name] & MASK),
    },
  dwarf: {
    stackPointer: number('sp'),
    framePointer: number('bp'),
    instruction: number('ip'),
    link: undefined,
    scratch: (['ax', 'cx', 'dx'] as const).map(number),
  },
  frameRecordBytes: 8,
  plainAddress: (value) => value,
  endsWithCall,
  // the vDSO, which has it, says all of it in .eh_frame
  signalReturn: undefined,
  registerSets: ({ thread_info }) => {
    const { gpregs, fpregs, tls } = thread_info!;
    const general = Buffer.alloc(USER_REGS.length * 4);
    for (const [i, name] of USER_REGS.entries()) general.writeUInt32LE(Number(gpregs[name] & MASK), i * 4);
    const fxsave = fxsaveOf(fpregs);
    const wide = fixedXsaveOf(fpregs);
    return [
      { note: 'PRSTATUS', bytes: general },
      { note: 'PRFPREG', bytes: fsaveOf(fxsave, gpregs) },
      { note: 'PRXFPREG', bytes: fxsave },
      ...(wide ? [{ note: 'X86_XSTATE', bytes: wide } as const] : []),
      { note: '386_TLS', bytes: tlsBytes(tls ?? []) },
    ];
  },
};
