import { PTRACE_SYSCALL } from '../kernel/uapi/ptrace.js';
import {
  type Gadgets,
  REDZONE,
  REG,
  type Regs,
  SYSCALLS,
  SYSCALL_INSTRUCTION_BYTES,
  type SyscallName,
  buildFrame,
  frameBytes,
  leaveCall,
  setCall,
} from '../arch/index.js';
import { readMemory, writeMemory } from './remote-memory.js';
import { restarted } from './restart.js';
import { passedOn, type Tracee } from './tracee.js';

export const ALL_SIGNALS = 0xffffffffffffffffn;
/** How often what can fail for want of memory is tried. */
const TRIES = 3;

/** A mapping of the task, as much as borrowing needs to know. */
export interface BorrowMapping {
  start: number;
  end: number;
  writable: boolean;
  executable: boolean;
  shared: boolean;
  key: string;
  name: string;
}

/** What makes a thread itself. */
export interface ThreadState {
  readonly regs: Regs;
  /** XSAVE standard form, as NT_X86_XSTATE has it. */
  readonly xstate: Uint8Array;
  readonly sigmask: bigint;
}

/** A system call with numbers as arguments. */
export type PlainCall = readonly [name: SyscallName, ...args: number[]];

/**
 * A stopped thread, and what it is to be when crit lets it go: its way home leads there without crit as well. Nothing of
 * what it is to be is read from the task again.
 */
export class BorrowedThread implements ThreadState {
  readonly tracee: Tracee;
  readonly regs: Regs;
  readonly xstate: Uint8Array;
  readonly sigmask: bigint;
  /** Called when it stands outside of the blob, before it gets its registers: with a `syscall` and where that returns to. */
  beforeHome: ((instruction: number, home: number | undefined) => void) | undefined;
  /** Called when it has its registers, and stands. */
  whenHome: (() => void) | undefined;
  /** Where its way home is: rsp of a `ret` that leads through rt_sigreturn. Undefined while nothing is changed. */
  home: number | undefined;
  /** Seccomp may forbid the calls that it is led through. */
  careful = false;
  /** Registers of the call that takes the place of the one that it enters. */
  #replacing: Regs | undefined;
  /** What stood where frames were written on its stack. */
  saved: { address: number; bytes: Buffer } | undefined;

  /** A thread that becomes what it is, or what it is said to have been. */
  constructor(tracee: Tracee, state?: ThreadState) {
    this.tracee = tracee;
    this.regs = state?.regs ?? tracee.getRegs();
    this.xstate = state?.xstate ?? tracee.getXstate();
    this.sigmask = state?.sigmask ?? tracee.getSigmask();
  }

  /**
   * True when frames may stand below the stack pointer: the main stack, or a mapping that also holds the thread's control
   * block (as thread libraries lay stacks out).
   */
  hasRoom(mappings: readonly BorrowMapping[]): boolean {
    const sp = Number(this.regs[REG.sp]);
    const low = sp - REDZONE - frameBytes(this.xstate) - frameBytes() - 64;
    const mapping = mappings.find((m) => m.start < sp && sp <= m.end);
    if (!mapping?.writable || mapping.shared) return false;
    if (mapping.name === '[stack]') return true; // grows as needed
    const tls = Number(this.regs[REG.threadPointer]);
    return low >= mapping.start && tls >= mapping.start && tls < mapping.end;
  }

  /** Bytes that a frame of the thread needs where it has no room on its stack. */
  get frameBytes(): number {
    return Math.ceil((frameBytes(this.xstate) + 64) / 64) * 64;
  }

  /**
   * Writes the way home below the stack: first a system call, if it is to make one, then the thread's own state.
   * @returns false when the stack cannot be written: nothing is changed
   */
  writeFrames(gadgets: Gadgets, call: PlainCall | undefined): boolean {
    const restorer = gadgets.restorer!;
    const top = Number(this.regs[REG.sp]) - REDZONE;
    const back = buildFrame(top, this.#frame(restorer));
    const first = call && this.#callFrame(gadgets, call, back.address, restorer);
    const { address } = first ?? back;
    const bytes = new Uint8Array(top - address);
    if (first) bytes.set(first.bytes, 0);
    bytes.set(back.bytes, back.address - address);
    try {
      const saved = insist(() => readMemory(this.tracee.tid, address, bytes.length));
      insist(() => writeMemory(this.tracee.tid, address, bytes));
      this.saved = { address, bytes: saved };
    } catch {
      return false;
    }
    this.home = address;
    return true;
  }

  #callFrame(gadgets: Gadgets, call: PlainCall, back: number, restorer: number) {
    const regs = this.#callRegs(gadgets, call);
    regs[REG.sp] = BigInt(back);
    return buildFrame(back - 8, { regs, mask: ALL_SIGNALS, restorer });
  }

  /** A frame that leads to the thread's own state, to stand elsewhere than on its stack: ends at `top`. */
  frameAt(top: number, restorer: number): { address: number; bytes: Uint8Array } {
    const frame = buildFrame(top, this.#frame(restorer));
    this.home = frame.address;
    return frame;
  }

  #frame(restorer: number) {
    return { regs: restarted(this.regs, 'eintr'), xstate: this.xstate, mask: this.sigmask, restorer };
  }

  /** The thread stands at the beginning of its way home; only then are signals blocked. */
  park(restorer: number | undefined): void {
    if (this.home !== undefined && restorer !== undefined) this.#faceHome(restorer, this.home);
    this.tracee.setSigmask(ALL_SIGNALS);
  }

  #faceHome(restorer: number, home: number): void {
    const regs = this.regs.slice();
    regs[REG.ip] = BigInt(restorer);
    regs[REG.sp] = BigInt(home + 8);
    leaveCall(regs);
    this.tracee.setRegs(regs);
  }

  /** Registers with which the thread makes a system call through code that it has mapped anyway. */
  #callRegs(gadgets: Gadgets, [name, ...args]: PlainCall): Regs {
    const regs = this.regs.slice();
    setCall(regs, SYSCALLS[name], args, gadgets.syscall);
    return regs;
  }

  /**
   * One system call in a parked thread, through code that the thread has mapped anyway; it returns onto the thread's way
   * home. Not PTRACE_SINGLESTEP: the trap flag would outlive the tracer. 2 stops.
   * @returns the result or -errno
   */
  call(gadgets: Gadgets, call: PlainCall): number {
    this.beginCall(gadgets, call);
    this.tracee.toSyscall();
    return this.endCall();
  }

  /**
   * The same in parts, so that many threads make theirs side by side: sets the call up, ...
   *
   * A tracer that dies while a thread stands at the entry of a call leaves the call to seccomp. Where that may forbid it, the
   * thread enters rt_sigreturn(2), its way home, and the call takes the place of that when the thread is let go on.
   */
  beginCall(gadgets: Gadgets, call: PlainCall): void {
    const regs = this.#callRegs(gadgets, call);
    if (this.home !== undefined) regs[REG.sp] = BigInt(this.home);
    if (this.careful && this.home !== undefined && gadgets.restorer !== undefined) {
      regs[REG.call] = regs[REG.result]!;
      regs[REG.ip] = BigInt(gadgets.syscall + SYSCALL_INSTRUCTION_BYTES);
      this.#replacing = regs;
      this.#faceHome(gadgets.restorer, this.home);
    } else this.tracee.setRegs(regs);
  }

  /** ... and, after the first `toSyscall`, leads it to its end. */
  endCall(): number {
    for (let stops = 0; ;) {
      const stop = this.tracee.wait();
      if (stop.syscall) stops++;
      if (stops === 2) break;
      if (stop.syscall && this.#replacing) this.tracee.runWith(this.#replacing, PTRACE_SYSCALL, passedOn(stop));
      else this.tracee.toSyscall(passedOn(stop));
      this.#replacing = undefined;
    }
    return Number(BigInt.asIntN(64, this.tracee.getRegs()[REG.result]!));
  }

  /** Sets the thread's own mask and registers: until these are set, the way home is still there. */
  restore(gadgets: Gadgets): void {
    this.beforeHome?.(gadgets.syscall, this.home);
    this.tracee.setSigmask(this.sigmask);
    this.tracee.setRegs(this.regs);
    this.putBack();
    this.home = undefined;
    this.whenHome?.();
  }

  /** Puts the bytes back that stood where frames were written. They lie below the red zone: nobody relies on them. */
  putBack(): void {
    const saved = this.saved;
    if (!saved) return;
    this.saved = undefined;
    try {
      insist(() => writeMemory(this.tracee.tid, saved.address, saved.bytes));
    } catch {
      // the thread is as it was but for memory that belongs to no call
    }
  }
}

/** Tries what the kernel may refuse for a moment (process_vm_writev(2) pins pages). */
function insist<T>(action: () => T): T {
  for (let tries = 1; ; tries++)
    try {
      return action();
    } catch (error) {
      if (tries === TRIES) throw error;
    }
}
