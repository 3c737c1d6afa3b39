import type { Regs } from '../arch.js';
import { ARGUMENTS, REG, USER_CS, X86_REG } from './registers.js';
import { SYSCALLS, type SyscallName } from './syscalls.js';

/** Direction and trap flag: neither may be on in the blob. */
const NOT_IN_BLOB = 0x500n;

/** Takes a thread out of the system call that it was stopped in: the kernel does not make it again. */
export function leaveCall(regs: Regs): void {
  regs[X86_REG.orig_ax] = BigInt.asUintN(64, -1n);
}

/** Registers with which a stopped thread makes a system call, through an instruction for it. */
export function setCall(regs: Regs, nr: number, args: readonly (number | bigint)[], instruction: number): void {
  ARGUMENTS.forEach((reg, i) => {
    regs[reg] = BigInt.asUintN(64, BigInt(args[i] ?? 0));
  });
  regs[X86_REG.ax] = BigInt(nr);
  regs[X86_REG.ip] = BigInt(instruction);
  leaveCall(regs);
}

/** Registers with which a thread enters the blob where a system call comes first (native/puppet/arch/x86_64/entry.S). */
export function setBlobEntry(
  regs: Regs,
  entry: number,
  stackTop: number,
  ring: number,
  [name, ...args]: readonly [SyscallName, ...number[]],
): void {
  setCall(regs, SYSCALLS[name], args, entry);
  regs[REG.sp] = BigInt(stackTop);
  regs[X86_REG.r12] = BigInt(ring);
  regs[X86_REG.flags] = regs[X86_REG.flags]! & ~NOT_IN_BLOB;
}

/** Whether a thread runs the code of crit's own processor mode: 64 bits. */
export const isNative = (regs: Regs): boolean => regs[X86_REG.cs] === BigInt(USER_CS);
