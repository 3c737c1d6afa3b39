/** sys/user.h, struct user_regs_struct: where NT_PRSTATUS has each register, in words. */
export const X86_REG = {
  r15: 0, r14: 1, r13: 2, r12: 3, bp: 4, bx: 5, r11: 6, r10: 7, r9: 8, r8: 9, ax: 10, cx: 11, dx: 12, si: 13, di: 14,
  orig_ax: 15, ip: 16, cs: 17, flags: 18, sp: 19, ss: 20, fs_base: 21, gs_base: 22, ds: 23, es: 24, fs: 25, gs: 26,
} as const; // prettier-ignore

export const NR_REGS = 27;

/** What other rooms know of them. */
export const REG = {
  ip: X86_REG.ip,
  sp: X86_REG.sp,
  call: X86_REG.orig_ax,
  result: X86_REG.ax,
  threadPointer: X86_REG.fs_base,
} as const;

/** Where the arguments of a system call are. */
export const ARGUMENTS = [X86_REG.di, X86_REG.si, X86_REG.dx, X86_REG.r10, X86_REG.r8, X86_REG.r9] as const;

/** asm/user_64.h, struct user_regs_struct (NT_PRSTATUS): the registers in order, u64 each. */
export const USER_REGS = [
  'r15',
  'r14',
  'r13',
  'r12',
  'bp',
  'bx',
  'r11',
  'r10',
  'r9',
  'r8',
  'ax',
  'cx',
  'dx',
  'si',
  'di',
  'orig_ax',
  'ip',
  'cs',
  'flags',
  'sp',
  'ss',
  'fs_base',
  'gs_base',
  'ds',
  'es',
  'fs',
  'gs',
] as const;

export type UserReg = (typeof USER_REGS)[number];

/** Offset of each register in bytes. */
export const USER_REGS_OFFSET = Object.fromEntries(USER_REGS.map((name, i) => [name, i * 8])) as Readonly<
  Record<UserReg, number>
>;

/** asm/sigcontext.h, struct sigcontext_64: offsets in bytes. u64 except the four selectors, which are u16. */
export const SIGCONTEXT = {
  r8: 0,
  r9: 8,
  r10: 16,
  r11: 24,
  r12: 32,
  r13: 40,
  r14: 48,
  r15: 56,
  di: 64,
  si: 72,
  bp: 80,
  bx: 88,
  dx: 96,
  ax: 104,
  cx: 112,
  sp: 120,
  ip: 128,
  flags: 136,
  cs: 144,
  gs: 146,
  fs: 148,
  ss: 150,
  err: 152,
  trapno: 160,
  oldmask: 168,
  cr2: 176,
  /** Address of the FP state, 64-byte aligned; 0 for none. */
  fpstate: 184,
} as const;

export const SIGCONTEXT_BYTES = 256;

/** asm-generic/ucontext.h, struct ucontext: offsets in bytes. The mask is 64 bits. */
export const UCONTEXT = {
  flags: 0,
  link: 8,
  stackSp: 16,
  stackFlags: 24,
  stackSize: 32,
  mcontext: 40,
  sigmask: 296,
} as const;

/** asm/sigframe.h, struct rt_sigframe: offsets in bytes. rt_sigreturn(2) expects the stack pointer at `ucontext`. */
export const RT_SIGFRAME = { pretcode: 0, ucontext: 8, siginfo: 312 } as const;

export const RT_SIGFRAME_BYTES = 440;

// asm/ucontext.h: uc_flags.
export const UC_FP_XSTATE = 0x1;
export const UC_SIGCONTEXT_SS = 0x2;
export const UC_STRICT_RESTORE_SS = 0x4;

/** Intel SDM vol. 1, 10.5.1 (FXSAVE, 64-bit form; struct _fpstate_64): offsets in bytes. */
export const FXSAVE = {
  /** u16 */
  cwd: 0,
  swd: 2,
  /** abridged: one bit per register */
  twd: 4,
  fop: 6,
  rip: 8,
  rdp: 16,
  /** u32 */
  mxcsr: 24,
  mxcsrMask: 28,
  /** 8 x 16 bytes */
  st: 32,
  /** 16 x 16 bytes */
  xmm: 160,
  /** struct _fpx_sw_bytes, in signal frames and in NT_X86_XSTATE */
  swReserved: 464,
} as const;

export const FXSAVE_BYTES = 512;

/**
 * asm/sigcontext.h, struct _fpx_sw_bytes: offsets in bytes from its start. In a signal frame FP_XSTATE_MAGIC2 stands
 * right behind the xstate_size bytes of the XSAVE area. NT_X86_XSTATE has none of it but XCR0 at its start
 * (XSTATE_XCR0_OFFSET).
 */
export const FPX_SW = { magic1: 0, extendedSize: 4, xfeatures: 8, xstateSize: 16 } as const;

export const FP_XSTATE_MAGIC1 = 0x46505853;
export const FP_XSTATE_MAGIC2 = 0x46505845;

/** arch/x86/kernel/fpu/xstate.c: NT_X86_XSTATE holds XCR0 here, a u64 of the bytes that software may use. */
export const XSTATE_XCR0_OFFSET = 464;

/** Intel SDM vol. 1, 13.4.2: the XSAVE header follows the 512 legacy bytes; offsets in bytes from the area's start. */
export const XSAVE_HEADER = { xstateBv: 512, xcompBv: 520 } as const;

export const XSAVE_HEADER_BYTES = 64;

/**
 * Components of the standard (non-compacted) format, by bit of XSTATE_BV. Up to `ymm` the offsets are fixed; beyond, they are
 * those of Intel's processors. AMD's have no bndregs and bndcsr and put opmask at 832, zmmHi256 at 896, hi16Zmm at 1408,
 * pkru at 2432 (or 832 without AVX-512): CPUID leaf 0xd is the authority.
 */
export const XSAVE_COMPONENTS = {
  x87: { bit: 0, offset: 0, bytes: 160 },
  sse: { bit: 1, offset: 160, bytes: 256 },
  ymm: { bit: 2, offset: 576, bytes: 256 },
  bndregs: { bit: 3, offset: 960, bytes: 64 },
  bndcsr: { bit: 4, offset: 1024, bytes: 64 },
  opmask: { bit: 5, offset: 1088, bytes: 64 },
  zmmHi256: { bit: 6, offset: 1152, bytes: 512 },
  hi16Zmm: { bit: 7, offset: 1664, bytes: 1024 },
  pkru: { bit: 9, offset: 2688, bytes: 8 },
  tilecfg: { bit: 17, offset: 2752, bytes: 64 },
  /** AMX: only after ARCH_REQ_XCOMP_PERM */
  tiledata: { bit: 18, offset: 2816, bytes: 8192 },
} as const;

/** asm/segment.h: selectors of 64-bit user code. */
export const USER_CS = 0x33;
export const USER_DS = 0x2b;

/** `syscall; ret` leaves the address behind a call 2 bytes further: what a restart takes back from ip. */
export const SYSCALL_INSTRUCTION_BYTES = 2;

/** asm/page_64_types.h, TASK_SIZE_MAX with four levels: where user addresses end. */
export const TASK_SIZE = 0x7fff_ffff_f000;

/** System V ABI, 3.2.2: what leaf functions keep below the stack pointer. */
export const REDZONE = 128;
