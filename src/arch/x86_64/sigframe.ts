/**
 * A signal frame as the kernel builds it (arch/x86/kernel/signal_64.c, asm/sigcontext.h): rt_sigreturn(2) on it puts a
 * thread's registers, FP state and signal mask in place in one step, without any tracer.
 */
import {
  FP_XSTATE_MAGIC1,
  FP_XSTATE_MAGIC2,
  FXSAVE,
  FXSAVE_BYTES,
  RT_SIGFRAME,
  RT_SIGFRAME_BYTES,
  SIGCONTEXT,
  UCONTEXT,
  UC_FP_XSTATE,
  UC_SIGCONTEXT_SS,
  UC_STRICT_RESTORE_SS,
  X86_REG,
  XSAVE_COMPONENTS,
  XSAVE_HEADER,
} from './registers.js';
import type { FrameContent } from '../arch.js';

const { ucontext: UC } = RT_SIGFRAME;
const MCONTEXT = UC + UCONTEXT.mcontext;

/** struct _fpx_sw_bytes in the last bytes of the legacy area */
const SW_RESERVED = FXSAVE.swReserved;

/** Where AMX tile data begins: threads that never asked for it have a frame without (Documentation/arch/x86/xstate.rst). */
const TILE_DATA = XSAVE_COMPONENTS.tiledata.offset;
const XSTATE_BV = XSAVE_HEADER.xstateBv;

/** r8-r15, di, si, bp, bx, dx, ax, cx, sp, ip, flags: struct sigcontext's order */
const ORDER = [
  X86_REG.r8, X86_REG.r9, X86_REG.r10, X86_REG.r11, X86_REG.r12, X86_REG.r13, X86_REG.r14, X86_REG.r15,
  X86_REG.di, X86_REG.si, X86_REG.bp, X86_REG.bx, X86_REG.dx, X86_REG.ax, X86_REG.cx, X86_REG.sp, X86_REG.ip, X86_REG.flags,
]; // prettier-ignore

/** Bytes that a frame needs below `top`, alignment included. */
export function frameBytes(xstate?: Uint8Array): number {
  return RT_SIGFRAME_BYTES + 64 + (xstate ? xstate.length + 64 + 4 : 0) + 16;
}

/** Builds a frame that ends below `top`. @returns its address (rsp of the `ret` that enters it) and bytes */
export function buildFrame(top: number, content: FrameContent): { address: number; bytes: Uint8Array } {
  const { regs } = content;
  let xstate = content.xstate;
  if (xstate && xstate.length > TILE_DATA && !(xstate[XSTATE_BV + 2]! & 4)) xstate = xstate.subarray(0, TILE_DATA);
  const fpAddress = xstate ? Math.floor((top - xstate.length - 4) / 64) * 64 : top;
  // rsp must be 8 mod 16 at a function's entry: keep the kernel's own alignment
  const address = Math.floor((fpAddress - RT_SIGFRAME_BYTES) / 16) * 16 - 8;
  const bytes = new Uint8Array(top - address);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(content.restorer), true);
  view.setBigUint64(UC, BigInt(UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS | (xstate ? UC_FP_XSTATE : 0)), true);
  // An invalid mode makes the kernel leave the alternate stack as it is; its errors are ignored here.
  view.setUint32(UC + UCONTEXT.stackFlags, 0x7f00, true);
  ORDER.forEach((reg, i) => {
    view.setBigUint64(MCONTEXT + i * 8, regs[reg]!, true);
  });
  const segments = MCONTEXT + SIGCONTEXT.cs;
  view.setUint16(segments, Number(regs[X86_REG.cs]!), true);
  view.setUint16(segments + 2, Number(regs[X86_REG.gs]!), true);
  view.setUint16(segments + 4, Number(regs[X86_REG.fs]!), true);
  view.setUint16(segments + 6, Number(regs[X86_REG.ss]!), true);
  view.setBigUint64(UC + UCONTEXT.sigmask, content.mask, true);
  if (xstate) {
    const at = fpAddress - address;
    view.setBigUint64(MCONTEXT + SIGCONTEXT.fpstate, BigInt(fpAddress), true);
    const features = new DataView(xstate.buffer, xstate.byteOffset).getBigUint64(SW_RESERVED, true);
    bytes.set(xstate, at);
    bytes.fill(0, at + SW_RESERVED, at + FXSAVE_BYTES);
    view.setUint32(at + SW_RESERVED, FP_XSTATE_MAGIC1, true);
    view.setUint32(at + SW_RESERVED + 4, xstate.length + 4, true);
    view.setBigUint64(at + SW_RESERVED + 8, features, true);
    view.setUint32(at + SW_RESERVED + 16, xstate.length, true);
    view.setUint32(at + xstate.length, FP_XSTATE_MAGIC2, true);
  }
  return { address, bytes };
}
