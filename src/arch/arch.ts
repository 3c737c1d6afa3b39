import type { Messages } from '../image/generated/messages.js';
import type { AnySyscallName, SyscallName } from './x86_64/syscalls.js';

/** What differs between processors. It stands below the addon: whatever it wants to know of this machine it is given. */
export interface Arch {
  /** core_entry.mtype */
  readonly MTYPE: number;
  /** linux/audit.h: what seccomp filters know the processor by. */
  readonly AUDIT_ARCH: number;
  /** Numbers of the system calls. */
  readonly SYSCALLS: Readonly<Record<AnySyscallName, number>>;
  /** Length of the instruction that makes one: what the kernel takes back from ip for a restart. */
  readonly SYSCALL_INSTRUCTION_BYTES: number;
  /** Where user addresses end. */
  readonly TASK_SIZE: number;
  /** What leaf functions keep below the stack pointer. */
  readonly REDZONE: number;
  /** A call of rt_sigreturn(2), as machine code. */
  readonly RESTORER_CODE: readonly number[];

  readonly NR_REGS: number;
  /** Indexes into Regs. */
  readonly REG: {
    readonly ip: number;
    readonly sp: number;
    /** The system call that a thread was stopped in; -1 for none. */
    readonly call: number;
    readonly result: number;
    /** Where the thread's control block is. */
    readonly threadPointer: number;
  };
  /** Indexes of a system call's arguments. */
  readonly ARGUMENTS: readonly number[];

  readonly leaveCall: (regs: Regs) => void;
  readonly setCall: (regs: Regs, nr: number, args: readonly (number | bigint)[], instruction: number) => void;
  readonly setBlobEntry: (
    regs: Regs,
    entry: number,
    stackTop: number,
    ring: number,
    call: readonly [SyscallName, ...number[]],
  ) => void;
  readonly isNative: (regs: Regs) => boolean;

  readonly findGadgets: (mappings: readonly ExecMapping[], read: ReadTask) => Gadgets | undefined;
  readonly frameBytes: (xstate?: Uint8Array) => number;
  readonly buildFrame: (top: number, content: FrameContent) => { address: number; bytes: Uint8Array };

  readonly hasTiles: (xstate: Uint8Array) => boolean;
  readonly tlsOf: (read: (entry: number, into: Uint32Array) => boolean) => Messages['user_desc_t'][];
  readonly coreOf: (thread: DumpedThread, cpuid: Cpuid) => CoreOfArch;
  /** What cpuinfo.img says of the processor that crit runs on. */
  readonly cpuinfoOf: (cpuid: Cpuid) => Messages['cpuinfo_entry'];
  readonly registersOf: (core: Messages['core_entry'], file: string, cpuid: Cpuid) => RegistersOfImage;
}

/** General registers as NT_PRSTATUS orders them. */
export type Regs = BigUint64Array;

/** The CPUID instruction: eax, ebx, ecx, edx. */
export type Cpuid = (leaf: number, subleaf: number) => Uint32Array;

/** Reads a stopped task's memory. Throws where there is none. */
export type ReadTask = (address: number, sizeBytes: number) => Buffer;

export interface Gadgets {
  /** `syscall`, a few instructions without effect on memory or stack, `ret` */
  syscall: number;
  /** `mov $15, %eax; syscall`: rt_sigreturn(2), the libc's signal restorer */
  restorer: number | undefined;
}

export interface ExecMapping {
  start: number;
  end: number;
  /** What the content was made from, so that a libc is searched once; '' for what is nobody else's. */
  key: string;
  vdso: boolean;
}

export interface FrameContent {
  regs: Regs;
  /** XSAVE standard form as NT_X86_XSTATE gives it; without it rt_sigreturn resets the FP state. */
  xstate?: Uint8Array;
  /** Signals blocked afterwards. */
  mask: bigint;
  /** Address of an instruction pair that calls rt_sigreturn: what a `ret` onto the frame reaches. */
  restorer: number;
}

/** What a core image tells of a thread's processor. */
export interface DumpedThread {
  regs: Regs;
  /** RESTART.*, with which its call was interrupted. */
  restartError: number | undefined;
  /** What its call has left of a time limit. */
  timeLeftNs: bigint | undefined;
  xstate: Uint8Array;
  clearTidAddress: bigint;
  tls: Messages['user_desc_t'][];
}

export type CoreOfArch = Required<Pick<Messages['core_entry'], 'mtype' | 'thread_info'>>;

/** The same, back from an image. */
export interface RegistersOfImage extends Pick<DumpedThread, 'regs' | 'restartError' | 'timeLeftNs'> {
  /** Makes its XSAVE image out of the one that a puppet has. */
  xstate: (template: Uint8Array) => Uint8Array;
}
