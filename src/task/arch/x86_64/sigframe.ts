/**
 * A signal frame as the kernel builds it (arch/x86/kernel/signal_64.c, asm/sigcontext.h): rt_sigreturn(2) on it puts a
 * thread's registers, FP state and signal mask in place in one step, without any tracer.
 */
import {
  FP_XSTATE_MAGIC1,
  FP_XSTATE_MAGIC2,
  UC_FP_XSTATE,
  UC_SIGCONTEXT_SS,
  UC_STRICT_RESTORE_SS,
} from '../../../arch/x86_64/registers.js';
import { REG, type Regs } from '../../tracee.js';

/** struct rt_sigframe: pretcode, ucontext (flags, link, stack_t, sigcontext, mask), siginfo. */
const UC = 8;
const UC_STACK = UC + 16;
const UC_MCONTEXT = UC + 40;
const UC_SIGMASK = UC_MCONTEXT + 256;
const FRAME_BYTES = UC_SIGMASK + 8 + 128;
const FPSTATE = UC_MCONTEXT + 184;

/** struct _fpx_sw_bytes in the last bytes of the legacy area */
const SW_RESERVED = 464;

/** Where AMX tile data begins: threads that never asked for it have a frame without (Documentation/arch/x86/xstate.rst). */
const TILE_DATA = 2816;
const XSTATE_BV = 512;

/** r8-r15, di, si, bp, bx, dx, ax, cx, sp, ip, flags: struct sigcontext's order */
const ORDER = [
  REG.r8, REG.r9, REG.r10, REG.r11, REG.r12, REG.r13, REG.r14, REG.r15,
  REG.di, REG.si, REG.bp, REG.bx, REG.dx, REG.ax, REG.cx, REG.sp, REG.ip, REG.flags,
]; // prettier-ignore

export interface FrameContent {
  regs: Regs;
  /** XSAVE standard form as NT_X86_XSTATE gives it; without it rt_sigreturn resets the FP state. */
  xstate?: Uint8Array;
  /** Signals blocked afterwards. */
  mask: bigint;
  /** Address of an instruction pair that calls rt_sigreturn: what a `ret` onto the frame reaches. */
  restorer: number;
}

/** Bytes that a frame needs below `top`, alignment included. */
export function frameBytes(xstate?: Uint8Array): number {
  return FRAME_BYTES + 64 + (xstate ? xstate.length + 64 + 4 : 0) + 16;
}

/** Builds a frame that ends below `top`. @returns its address (rsp of the `ret` that enters it) and bytes */
export function buildFrame(top: number, content: FrameContent): { address: number; bytes: Uint8Array } {
  const { regs } = content;
  let xstate = content.xstate;
  if (xstate && xstate.length > TILE_DATA && !(xstate[XSTATE_BV + 2]! & 4)) xstate = xstate.subarray(0, TILE_DATA);
  const fpAddress = xstate ? Math.floor((top - xstate.length - 4) / 64) * 64 : top;
  // rsp must be 8 mod 16 at a function's entry: keep the kernel's own alignment
  const address = Math.floor((fpAddress - FRAME_BYTES) / 16) * 16 - 8;
  const bytes = new Uint8Array(top - address);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(content.restorer), true);
  view.setBigUint64(UC, BigInt(UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS | (xstate ? UC_FP_XSTATE : 0)), true);
  // An invalid mode makes the kernel leave the alternate stack as it is; its errors are ignored here.
  view.setUint32(UC_STACK + 8, 0x7f00, true);
  ORDER.forEach((reg, i) => {
    view.setBigUint64(UC_MCONTEXT + i * 8, regs[reg]!, true);
  });
  const segments = UC_MCONTEXT + 18 * 8;
  view.setUint16(segments, Number(regs[REG.cs]!), true);
  view.setUint16(segments + 2, Number(regs[REG.gs]!), true);
  view.setUint16(segments + 4, Number(regs[REG.fs]!), true);
  view.setUint16(segments + 6, Number(regs[REG.ss]!), true);
  view.setBigUint64(UC_SIGMASK, content.mask, true);
  if (xstate) {
    const at = fpAddress - address;
    view.setBigUint64(FPSTATE, BigInt(fpAddress), true);
    const features = new DataView(xstate.buffer, xstate.byteOffset).getBigUint64(SW_RESERVED, true);
    bytes.set(xstate, at);
    bytes.fill(0, at + SW_RESERVED, at + 512);
    view.setUint32(at + SW_RESERVED, FP_XSTATE_MAGIC1, true);
    view.setUint32(at + SW_RESERVED + 4, xstate.length + 4, true);
    view.setBigUint64(at + SW_RESERVED + 8, features, true);
    view.setUint32(at + SW_RESERVED + 16, xstate.length, true);
    view.setUint32(at + xstate.length, FP_XSTATE_MAGIC2, true);
  }
  return { address, bytes };
}
