import type { Pid } from '../image/pid.js';
import { readFileSync } from 'node:fs';
import { NR_REGS, SYSCALLS, type Regs } from '../arch/index.js';
import { nowMs } from '../image/clock.js';
import { CritError } from '../image/errors.js';
import { addon } from '../native/addon.js';
import { SysError, sys, sysRaw } from '../native/sys.js';
import * as P from '../kernel/uapi/ptrace.js';
import { SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSTOP, SIGSYS, SIGTRAP, signalBit } from '../kernel/uapi/signal.js';
import { ERRNO } from '../kernel/uapi/errno.js';
import {
  ptraceEvent,
  WEXITSTATUS,
  WIFEXITED,
  WIFSIGNALED,
  WNOHANG,
  WSTOPSIG,
  WTERMSIG,
  __WALL,
} from '../kernel/uapi/wait.js';
import { TaskDied } from './remote-error.js';
import { giveWay } from './wait.js';

/** PTRACE_O_TRACESYSGOOD sets it in the signal of a syscall stop. */
const SYSGOOD = 0x80;
/** A thread that is told to stop does so at once, unless the kernel keeps it in a call that nothing interrupts. */
const STOP_MS = 5000;
/** After so many looks: does the thread live at all? */
const CHECK_ROUNDS = 256;

/** SIGKILL is pending for the process, or it is a zombie: a killed leader is reported only when its threads were waited for. */
const DEAD = /^State:\s+[ZX]|^ShdPnd:\s+\w*[13579bdf]\w\w$/m;

/** The task has ended, or has been killed and will. */
export function isDead(tid: Pid): boolean {
  try {
    return DEAD.test(readFileSync(`/proc/${tid}/status`, 'utf8'));
  } catch (error) {
    // not being able to look (no descriptor is left) says nothing about the task
    return ['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '');
  }
}

/** Signals that the kernel forces on a thread for what it did. */
const FAULTS = [SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS].reduce((set, signal) => set | signalBit(signal), 0n);

/** What made a tracee stop. */
export interface Stop {
  signal: number;
  /** PTRACE_EVENT_*, 0 for a signal-delivery or syscall stop. */
  event: number;
  syscall: boolean;
}

/** One thread under ptrace. All calls belong to crit's main thread: ptrace binds to the attaching thread. */
export class Tracee {
  readonly tid: Pid;
  #standing = false;
  constructor(tid: Pid) {
    this.tid = tid;
  }

  /** It was seen to stop and has not been told to run since: its registers can be set. */
  get standing(): boolean {
    return this.#standing;
  }

  /** PTRACE_SEIZE: attaches without stopping. @throws SysError EPERM when another tracer holds it, ESRCH when it is gone */
  static seize(tid: Pid, options: number): Tracee {
    let r = sysRaw('ptrace', P.PTRACE_SEIZE, tid, 0, options);
    // Suspending seccomp needs CAP_SYS_ADMIN; an unfiltered task does not need it.
    if (r === -ERRNO.EPERM && options & P.PTRACE_O_SUSPEND_SECCOMP)
      r = sysRaw('ptrace', P.PTRACE_SEIZE, tid, 0, options & ~P.PTRACE_O_SUSPEND_SECCOMP);
    if (r < 0) throw new SysError('ptrace', -r, `SEIZE of task ${tid}`);
    return new Tracee(tid);
  }

  /** Asks it to stop: `waitTrap` waits for that. */
  interrupt(): void {
    const r = sysRaw('ptrace', P.PTRACE_INTERRUPT, this.tid, 0, 0);
    if (r < 0 && r !== -ERRNO.ESRCH) throw new SysError('ptrace', -r, `INTERRUPT of task ${this.tid}`);
  }

  /**
   * Waits for the next stop. Not in wait4 itself: the kernel reports the end of a killed leader only when its threads
   * have been waited for, and they wait for us. @throws TaskDied; CritError TIMEOUT
   */
  wait(forMs = STOP_MS): Stop {
    const status = new Int32Array(1);
    let dead = false;
    const until = nowMs() + forMs;
    for (let round = 1; ; round++) {
      const r = sysRaw('wait4', this.tid, status, __WALL | WNOHANG, null);
      if (r > 0) return this.#stop(status[0]!);
      if (r < 0 && r !== -ERRNO.EINTR && r !== -ERRNO.ECHILD) throw new SysError('wait4', -r, `for task ${this.tid}`);
      if (dead || r === -ERRNO.ECHILD) throw new TaskDied(this.tid, 'was killed');
      giveWay(round);
      dead = round % CHECK_ROUNDS === 0 && isDead(this.tid);
      if (nowMs() > until)
        throw new CritError(`task ${this.tid} does not stop: it is in a system call that cannot be interrupted`, {
          code: 'TIMEOUT',
        });
    }
  }

  /** A stop that is there already, or undefined. @throws TaskDied */
  poll(): Stop | undefined {
    const status = new Int32Array(1);
    const r = sysRaw('wait4', this.tid, status, __WALL | WNOHANG, null);
    if (r === 0 || r === -ERRNO.ECHILD) return undefined;
    if (r < 0) throw new SysError('wait4', -r, `for task ${this.tid}`);
    return this.#stop(status[0]!);
  }

  #stop(status: number): Stop {
    if (WIFEXITED(status)) throw new TaskDied(this.tid, `exited with status ${WEXITSTATUS(status)}`);
    if (WIFSIGNALED(status)) throw new TaskDied(this.tid, `was killed by signal ${WTERMSIG(status)}`);
    const signal = WSTOPSIG(status);
    this.#standing = true;
    return { signal: signal & ~SYSGOOD, event: ptraceEvent(status), syscall: signal === (SIGTRAP | SYSGOOD) };
  }

  /** PTRACE_O_*, of a stopped thread. */
  setOptions(options: number): void {
    let r = sysRaw('ptrace', P.PTRACE_SETOPTIONS, this.tid, 0, options);
    if (r === -ERRNO.EPERM && options & P.PTRACE_O_SUSPEND_SECCOMP)
      r = sysRaw('ptrace', P.PTRACE_SETOPTIONS, this.tid, 0, options & ~P.PTRACE_O_SUSPEND_SECCOMP);
    if (r < 0) throw new SysError('ptrace', -r, `SETOPTIONS of task ${this.tid}`);
  }

  /** Lets it run to the next entry or exit of a system call. */
  toSyscall(signal = 0): void {
    this.#standing = false;
    sys('ptrace', P.PTRACE_SYSCALL, this.tid, 0, signal);
  }

  /**
   * Sets registers and lets it run on (PTRACE_CONT, PTRACE_SYSCALL) with nothing in between: a crit that is killed between
   * the two would leave it with these registers, but with its seccomp filters.
   */
  runWith(regs: Regs, how: typeof P.PTRACE_CONT | typeof P.PTRACE_SYSCALL, signal = 0): void {
    const bytes = new Uint8Array(regs.buffer, regs.byteOffset, NR_REGS * 8);
    const iov = new BigUint64Array([addon().addressOf(bytes), BigInt(bytes.length)]);
    const r = addon().twoSyscalls(
      [SYSCALLS.ptrace, P.PTRACE_SETREGSET, this.tid, P.NT_PRSTATUS, iov],
      [SYSCALLS.ptrace, how, this.tid, 0, signal],
    );
    if (r < 0) throw new SysError('ptrace', -r, `registers of task ${this.tid}`);
    this.#standing = false;
  }

  cont(signal = 0): void {
    this.#standing = false;
    sys('ptrace', P.PTRACE_CONT, this.tid, 0, signal);
  }

  /** Lets go. With a signal, the thread gets it. A thread that is gone already is no error. */
  detach(signal = 0): void {
    this.#standing = false;
    const r = sysRaw('ptrace', P.PTRACE_DETACH, this.tid, 0, signal);
    if (r < 0 && r !== -ERRNO.ESRCH) throw new SysError('ptrace', -r, `DETACH of task ${this.tid}`);
  }

  /** Lets go of a thread that runs the blob: stops it first, as ptrace(2) wants it. */
  detachRunning(): void {
    this.halt();
    this.waitTrap();
    this.detach();
  }

  /** A register set (NT_*) of up to `sizeBytes`. @returns what the kernel filled */
  getRegset(type: number, sizeBytes: number): Uint8Array {
    const buffer = new Uint8Array(sizeBytes);
    const iov = new BigUint64Array([addon().addressOf(buffer), BigInt(sizeBytes)]);
    sys('ptrace', P.PTRACE_GETREGSET, this.tid, type, iov);
    return buffer.subarray(0, Number(iov[1]));
  }

  setRegset(type: number, bytes: Uint8Array): void {
    const iov = new BigUint64Array([addon().addressOf(bytes), BigInt(bytes.length)]);
    sys('ptrace', P.PTRACE_SETREGSET, this.tid, type, iov);
  }

  getRegs(): Regs {
    const bytes = this.getRegset(P.NT_PRSTATUS, NR_REGS * 8);
    return new BigUint64Array(bytes.buffer, 0, NR_REGS);
  }

  setRegs(regs: Regs): void {
    this.setRegset(P.NT_PRSTATUS, new Uint8Array(regs.buffer, regs.byteOffset, NR_REGS * 8));
  }

  /** x87/SSE/AVX state in XSAVE standard form. */
  getXstate(): Uint8Array {
    return this.getRegset(P.NT_X86_XSTATE, 16384).slice();
  }

  getSigmask(): bigint {
    const mask = new BigUint64Array(1);
    sys('ptrace', P.PTRACE_GETSIGMASK, this.tid, 8, mask);
    return mask[0]!;
  }

  setSigmask(mask: bigint): void {
    sys('ptrace', P.PTRACE_SETSIGMASK, this.tid, 8, new BigUint64Array([mask]));
  }

  /** Asks it to stop unless it stands already. */
  halt(): void {
    if (!this.#standing) this.interrupt();
  }

  /**
   * Waits until a thread that was interrupted stands; one that stands is left as it is. For a thread that runs the blob, or
   * stands outside of it with all signals blocked: what it made itself be sent while the blob was led astray it does not get.
   */
  waitTrap(): void {
    while (!this.#standing) {
      const stop = this.wait();
      if (stop.event !== P.PTRACE_EVENT_STOP) this.cont(passedOn(stop));
    }
    // the trap can come before a fault that is queued already, and would kill the thread once it is let go
    while (this.#faultQueued()) {
      this.cont();
      for (let stop = this.wait(); passedOn(stop) !== 0; stop = this.wait()) this.cont(passedOn(stop));
    }
  }

  /** Of a thread that blocks all signals: the kernel unblocks the one that it forces. */
  #faultQueued(): boolean {
    if ((this.getSigmask() & FAULTS) === FAULTS) return false;
    const queued = /^SigPnd:\s+(\w+)$/m.exec(readFileSync(`/proc/${this.tid}/status`, 'utf8'));
    return (BigInt(`0x${queued?.[1] ?? '0'}`) & ~this.getSigmask() & FAULTS) !== 0n;
  }
}

/** What a thread that blocks all signals is to get nonetheless. The group stop takes place when it is let go. */
export const passedOn = (stop: Stop): number => (stop.event === 0 && stop.signal === SIGSTOP ? SIGSTOP : 0);
