import type { ImageMachine } from '../image-machine.js';

/** DWARF for the Arm 64-bit architecture, 4.1: x0 to x30 and the stack pointer. */
const SP = 31;
const X29 = 29;
const X30 = 30;
const NR_GENERAL = 31;
/** Addresses have 48 bits; above them are those of pointer authentication. */
const ADDRESS_BITS = 48;

/** struct rt_sigframe (arch/arm64/kernel/signal.c): siginfo, ucontext up to its sigcontext, fault_address. */
const SIGNAL_X0 = 128 + 176 + 8;

/** asm/ptrace.h: struct user_pt_regs is x0 to x30, sp, pc, pstate; struct user_fpsimd_state 32 vectors, fpsr, fpcr. */
const FPSIMD = { vectorWords: 64, fpsr: 512, fpcr: 516, sizeBytes: 528 };

const words = (values: readonly bigint[]): Buffer => {
  const out = Buffer.alloc(values.length * 8);
  for (const [i, value] of values.entries()) out.writeBigUInt64LE(value, i * 8);
  return out;
};

export const aarch64: ImageMachine = {
  name: 'aarch64',
  elfMachine: 183,
  wordBytes: 8,
  frameOf: ({ ti_aarch64: info }) => {
    const regs = info?.gpregs.regs ?? [];
    if (!info || regs.length < NR_GENERAL) return undefined;
    return { pc: info.gpregs.pc, registers: [...regs.slice(0, NR_GENERAL), info.gpregs.sp] };
  },
  dwarf: {
    stackPointer: SP,
    framePointer: X29,
    instruction: undefined,
    link: X30,
    scratch: Array.from({ length: 19 }, (_, i) => i),
  },
  // the record may be anywhere in its frame
  frameRecordBytes: undefined,
  plainAddress: (value) => BigInt.asUintN(ADDRESS_BITS, value),
  endsWithCall: (before) => {
    if (before.length < 4) return false;
    const instruction = before.readUInt32LE(before.length - 4);
    // BL, BLR and its forms that authenticate
    return instruction >>> 26 === 0x25 || (instruction & 0xfefff000) >>> 0 === 0xd63f0000;
  },
  signalReturn: {
    // mov x8, #139; svc #0
    code: [0x68, 0x11, 0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4],
    registers: new Map(Array.from({ length: NR_GENERAL + 1 }, (_, i) => [i, SIGNAL_X0 + i * 8])),
    pc: SIGNAL_X0 + (NR_GENERAL + 1) * 8,
  },
  registerSets: ({ ti_aarch64 }) => {
    const { gpregs, fpsimd, tls } = ti_aarch64!;
    const vectors = Buffer.alloc(FPSIMD.sizeBytes);
    words((fpsimd.vregs ?? []).slice(0, FPSIMD.vectorWords)).copy(vectors);
    vectors.writeUInt32LE(fpsimd.fpsr, FPSIMD.fpsr);
    vectors.writeUInt32LE(fpsimd.fpcr, FPSIMD.fpcr);
    const general = [...(gpregs.regs ?? []).slice(0, NR_GENERAL), gpregs.sp, gpregs.pc, gpregs.pstate];
    return [
      { note: 'PRSTATUS', bytes: words(general) },
      { note: 'PRFPREG', bytes: vectors },
      { note: 'ARM_TLS', bytes: words([tls]) },
    ];
  },
};
