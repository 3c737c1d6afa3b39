import type { ImageMachine } from '../image-machine.js';
import { endsWithCall } from '../x86_64/call-bytes.js';

/** System V ABI for i386, table 2.14: registers in the order of their DWARF numbers; the last is the return address. */
const DWARF = ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di', 'ip'] as const;
const number = (name: (typeof DWARF)[number]): number => DWARF.indexOf(name);
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
};
