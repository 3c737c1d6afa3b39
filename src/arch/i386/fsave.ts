import type { Messages } from '../../image/generated/messages.js';
import { FXSAVE } from '../x86_64/registers.js';

/** asm/user_32.h, struct user_i387_ia32_struct: seven words, then eight registers of 10 bytes. */
const FSAVE_BYTES = 108;
const REGISTERS = 28;
const REGISTER_BYTES = 10;
const NR_REGISTERS = 8;
/** Bits of a word that the processor leaves set. */
const HIGH = 0xffff0000;

// Two bits for each register of the full tag word.
const TAG = { valid: 0, zero: 1, special: 2, empty: 3 } as const;

function tagOf(register: Buffer): number {
  const exponent = register.readUInt16LE(8) & 0x7fff;
  const significand = register.readBigUInt64LE(0);
  if (exponent === 0) return significand === 0n ? TAG.zero : TAG.special;
  return exponent !== 0x7fff && significand >> 63n ? TAG.valid : TAG.special;
}

/** The older form of the floating point registers, out of FXSAVE's (as arch/x86/kernel/fpu/regset.c converts them). */
export function fsaveOf(fxsave: Uint8Array, { cs, ds }: Messages['user_x86_regs_entry']): Buffer {
  const fx = Buffer.from(fxsave);
  const out = Buffer.alloc(FSAVE_BYTES);
  const status = fx.readUInt16LE(FXSAVE.swd);
  const top = (status >> 11) & 7;
  const used = fx[FXSAVE.twd]!;
  let tags = HIGH;
  for (let i = 0; i < NR_REGISTERS; i++) {
    const register = fx.subarray(FXSAVE.st + i * 16, FXSAVE.st + i * 16 + REGISTER_BYTES);
    register.copy(out, REGISTERS + i * REGISTER_BYTES);
    // st(i) is the register so many behind the top; the tag word counts registers
    const number = (top + i) & 7;
    tags |= ((used >> number) & 1 ? tagOf(register) : TAG.empty) << (number * 2);
  }
  const words = [
    HIGH | fx.readUInt16LE(FXSAVE.cwd),
    HIGH | status,
    tags,
    fx.readUInt32LE(FXSAVE.rip),
    Number(cs & 0xffffn),
    fx.readUInt32LE(FXSAVE.rdp),
    HIGH | Number(ds & 0xffffn),
  ];
  for (const [i, word] of words.entries()) out.writeUInt32LE(word >>> 0, i * 4);
  return out;
}
