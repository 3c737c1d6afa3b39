// linux/ptrace.h: requests of ptrace(2).
export const PTRACE_PEEKUSR = 3;
export const PTRACE_CONT = 7;
export const PTRACE_DETACH = 0x11;
export const PTRACE_SYSCALL = 0x18;
export const PTRACE_ARCH_PRCTL = 0x1e;
/** asm/ptrace-abi.h: x86 alone. */
export const PTRACE_GET_THREAD_AREA = 25;
export const PTRACE_SETOPTIONS = 0x4200;
export const PTRACE_GETEVENTMSG = 0x4201;
export const PTRACE_GETSIGINFO = 0x4202;
export const PTRACE_SETSIGINFO = 0x4203;
export const PTRACE_GETREGSET = 0x4204;
export const PTRACE_SETREGSET = 0x4205;
export const PTRACE_SEIZE = 0x4206;
export const PTRACE_INTERRUPT = 0x4207;
export const PTRACE_LISTEN = 0x4208;
export const PTRACE_PEEKSIGINFO = 0x4209;
export const PTRACE_GETSIGMASK = 0x420a;
export const PTRACE_SETSIGMASK = 0x420b;
export const PTRACE_SECCOMP_GET_FILTER = 0x420c;
export const PTRACE_SECCOMP_GET_METADATA = 0x420d;
export const PTRACE_GET_RSEQ_CONFIGURATION = 0x420f;
export const PTRACE_SET_SYSCALL_USER_DISPATCH_CONFIG = 0x4210;
export const PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG = 0x4211;

// Options, for PTRACE_SEIZE and PTRACE_SETOPTIONS.
export const PTRACE_O_TRACESYSGOOD = 1;
export const PTRACE_O_EXITKILL = 0x100000;
export const PTRACE_O_SUSPEND_SECCOMP = 0x200000;

// Events, in bits 16 and up of a wait status.
export const PTRACE_EVENT_STOP = 128;

// struct ptrace_peeksiginfo_args: { u64 off; u32 flags; s32 nr }.
export const PTRACE_PEEKSIGINFO_SHARED = 1;
export const PEEKSIGINFO_ARGS_BYTES = 0x10;

// linux/elf.h: register sets of PTRACE_GETREGSET.
export const NT_PRSTATUS = 1;
export const NT_PRFPREG = 2;
export const NT_386_TLS = 0x200;
export const NT_386_IOPERM = 0x201;
export const NT_X86_XSTATE = 0x202;
export const NT_X86_SHSTK = 0x204;

/** linux/ptrace.h, struct ptrace_rseq_configuration (Linux 5.13): offsets in bytes; the last three are u32. */
export const RSEQ_CONFIGURATION = {
  rseq_abi_pointer: 0,
  rseq_abi_size: 8,
  signature: 12,
  flags: 16,
} as const;

export const RSEQ_CONFIGURATION_BYTES = 24;
