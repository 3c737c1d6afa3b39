import type { SyscallName } from '../../arch/index.js';

/** Whether the kernel (and what it lets this process do) has a feature; unknown when it cannot be told from here. */
export type Answer = 'yes' | 'no' | 'unknown';

/** Argument of a system call: a word, a buffer whose address is passed, or null. */
export type SyscallArgument = number | bigint | NodeJS.TypedArray | null;

/** Makes a system call of crit's own; answers its result, or a negative errno. src/native/sys.ts has one: `sysRaw`. */
export type SyscallFunction = (name: SyscallName, ...args: SyscallArgument[]) => number;

/** One thing that kernels may have. */
export interface Feature {
  /** The kernel that brought it, "5.9". */
  since: string;
  /** What crit needs it for. */
  purpose: string;
  /** Nothing can be dumped or restored without. */
  required?: boolean;
  /** What it is for, crit does not do yet. */
  later?: boolean;
  /** Asks the kernel, once. Without `syscall` (no addon) it says 'unknown' if it needs one. */
  probe: (syscall: SyscallFunction | undefined) => Answer;
}
