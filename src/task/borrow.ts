import { closeSync, openSync } from 'node:fs';
import { CritError } from '../image/errors.js';
import { Area, areaBytes, SLIM, WIDE, type RingShape } from './area.js';
import { buildFrame, frameBytes } from './arch/x86_64/sigframe.js';
import { findGadgets, type ExecMapping, type Gadgets } from './arch/x86_64/gadgets.js';
import * as L from './generated/layout.js';
import type { Batch, Load } from './batch.js';
import { Puppet } from './puppet.js';
import { readMemory, writeMemory } from './remote-memory.js';
import { RemoteError } from './remote-error.js';
import { restarted } from './restart.js';
import type { Ring } from './ring.js';
import { REG, type Regs, type Tracee } from './tracee.js';
import * as P from '../kernel/ptrace.js';
import { SYSCALLS, type SyscallName } from '../kernel/arch/x86_64/syscalls.js';
import { sys } from '../native/sys.js';

/** The area that System V asks callees to leave alone below the stack pointer, bytes. */
const REDZONE = 128;
const PAGE = 4096;
const STABLE_BYTES = 512;
const ALL_SIGNALS = 0xffffffffffffffffn;
const PROT_RWX = 7;
/** MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE */
const MAP_AREA = 0x104021;
const EACCES = 13;
const EEXIST = 17;
const ENOMEM = 12;
const ARGUMENTS = [REG.di, REG.si, REG.dx, REG.r10, REG.r8, REG.r9];
/** linux/futex.h: wakes the first word's waiters after adding -1 to the second; FUTEX_OP(ADD, -1, EQ, 0) */
const FUTEX_WAKE_OP = 5;
const MINUS_ONE = 0x10fff000;
const INT_MAX = 0x7fffffff;
/** What a place without a cure calls. */
const NOTHING = SYSCALLS.getpid;

/** Places of what a puppet does before it leaves because crit died, in this order. */
export const CURE = { peekOffset: 0, given: 1, oneEnd: 2, otherEnd: 3 } as const;

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

/** One thread of a borrowed process: what it was, so that it becomes that again. */
export class BorrowedThread {
  readonly tracee: Tracee;
  readonly regs: Regs;
  readonly xstate: Uint8Array;
  readonly sigmask: bigint;
  /** Where its way home is: rsp of a `ret` that leads through rt_sigreturn. Undefined while nothing is changed. */
  home: number | undefined;
  /** What stood where frames were written on its stack. */
  saved: { address: number; bytes: Buffer } | undefined;

  /** Reads the state of a stopped thread. */
  constructor(tracee: Tracee) {
    this.tracee = tracee;
    this.regs = tracee.getRegs();
    this.xstate = tracee.getXstate();
    this.sigmask = tracee.getSigmask();
  }
}

/** A gap of `sizeBytes` between mappings, away from the heap (which grows up) and stacks (which grow down). */
export function findHole(ranges: readonly { start: number; end: number }[], sizeBytes: number): number {
  const guard = 1 << 20;
  let best: { start: number; size: number } | undefined;
  let previous = 0x10000;
  const limit = 0x7fff_f000_0000;
  for (const range of [...ranges, { start: limit, end: limit }]) {
    const size = Math.min(range.start, limit) - previous;
    if (size >= sizeBytes + 2 * guard && (!best || size > best.size)) best = { start: previous, size };
    previous = Math.max(previous, range.end);
  }
  if (!best) throw new CritError(`no hole of ${sizeBytes} bytes in the address space`, { code: 'NO_HOLE' });
  return Math.floor((best.start + best.size / 2) / PAGE) * PAGE;
}

/**
 * A stopped process under crit's control: the control area is mapped into it and its leader runs the blob; its other
 * threads may run it too. Everything is put back by `[Symbol.dispose]`; should crit die at any instant, every thread
 * heals by itself, in this order (a trial of other orders lost tasks):
 *
 * 1. Two signal frames are written below the red zone before anything else is changed: one that unmaps the area and
 *    returns into the other, which holds the thread's registers, FP state and signal mask.
 * 2. The instruction pointer is set to the libc's restorer and the stack pointer to the first frame; only then are
 *    signals blocked. From here on a thread that loses its tracer runs through the frames.
 * 3. The area is mapped by a system call that returns onto the first frame, at an address known before, so that
 *    even a death between that call and the blob's start unmaps it.
 * 4. The blob waits on the death word too and leaves through the same frames.
 *
 * The leader unmaps the area, so it must leave last: another thread is counted in before it enters the blob, and the
 * first of its two frames counts it out again by FUTEX_WAKE_OP, made by code outside the area.
 *
 * A process with a thread whose stack pointer is not in a real stack (a goroutine, a coroutine), or without a
 * restorer, gets its frames in the area itself as soon as that is there: then a death of crit leaves the area mapped.
 *
 * Cost: 5 ptrace stops a process and 1 batch; 1 stop and 1 batch for each other thread that is used.
 */
export class Borrowed implements Disposable {
  readonly pid: number;
  readonly area: Area;
  readonly threads: readonly BorrowedThread[];
  readonly puppet: Puppet;
  readonly #gadgets: Gadgets;
  readonly #ring: Ring;
  /** Address and size of room for thread calls' results. */
  readonly #scratch: number;
  readonly #frameRoom: number;
  readonly #roomy: boolean;
  /** Those that run the blob beside the leader. */
  readonly #others = new Set<BorrowedThread>();
  #released = false;

  private constructor(
    pid: number,
    area: Area,
    threads: readonly BorrowedThread[],
    gadgets: Gadgets,
    roomy: boolean,
    ring: Ring,
    scratch: number,
  ) {
    this.pid = pid;
    this.area = area;
    this.threads = threads;
    this.#gadgets = gadgets;
    this.#roomy = roomy;
    this.#ring = ring;
    this.#scratch = scratch;
    this.#frameRoom = this.#scratch + PAGE;
    this.puppet = new Puppet(ring, pid, threads[0]!.tracee);
  }

  /** Borrows a process all of whose threads are stopped; the leader comes first. */
  static of(
    pid: number,
    threads: readonly BorrowedThread[],
    mappings: readonly BorrowMapping[],
    rings: readonly RingShape[] = [],
  ): Borrowed {
    const shapes = [WIDE, ...rings, ...threads.slice(1).map(() => SLIM)];
    const gadgets = findGadgets(pid, executableMappings(mappings));
    if (!gadgets)
      throw new CritError(
        `task ${pid} has no usable system call instruction mapped (no vDSO, no libc): it cannot be dumped`,
        { code: 'NO_GADGET' },
      );
    const roomy = gadgets.restorer !== undefined && threads.every((t) => hasRoom(t, mappings));
    const framesInArea = roomy ? 0 : threads.reduce((sum, t) => sum + roundPage(frameBytes(t.xstate) + 64), 0);
    const size = areaBytes(shapes) + PAGE + framesInArea;
    const base = findHole(mappings, size);
    const main = threads[0]!;
    // 1, 2
    if (gadgets.restorer !== undefined) writeFrames(main, gadgets, ['munmap', base, size]);
    park(main, gadgets);
    let area: Area;
    try {
      // 3
      const mapped = steppedCall(main, gadgets, 'mmap', [base, size, PROT_RWX, MAP_AREA, -1, 0]);
      if (mapped !== base) throw refusedRoom(pid, base, size, -mapped);
      const fd = openSync(`/proc/${pid}/map_files/${base.toString(16)}-${(base + size).toString(16)}`, 'r+');
      try {
        area = new Area(fd, base, size);
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      steppedCall(main, gadgets, 'munmap', [base, size]);
      restoreThread(main);
      throw error;
    }
    const ring = area.ring(WIDE);
    const borrowed = new Borrowed(pid, area, threads, gadgets, roomy, ring, areaBytes(shapes));
    borrowed.#start();
    return borrowed;
  }

  #start(): void {
    const main = this.threads[0]!;
    for (let place = 0; place < L.NR_CURE_OPS; place++) this.clearCure(place);
    this.#ring.set(L.RING_NR_CURE, L.NR_CURE_OPS);
    const stackHome = main.home;
    if (!this.#roomy) this.#areaFrame(main, 0);
    this.#ring.set64(L.RING_INSIDE_PTR, this.area.base + L.AREA_INSIDE);
    this.#enter(main, this.#ring);
    if (!this.#roomy && stackHome !== undefined) putBack(main);
  }

  /** Lets a parked thread run the blob. */
  #enter(thread: BorrowedThread, ring: Ring): void {
    ring.set(L.RING_ON_DEATH, L.DEATH_LEAVE);
    ring.set64(L.RING_LEAVE_SP, thread.home! + 8);
    ring.set64(L.RING_LEAVE_IP, this.#restorer);
    const regs = thread.regs.slice();
    regs[REG.ip] = BigInt(this.area.entry);
    regs[REG.sp] = BigInt(ring.stackTop);
    regs[REG.di] = BigInt(ring.address);
    regs[REG.orig_ax] = BigInt.asUintN(64, -1n);
    regs[REG.flags] = regs[REG.flags]! & ~0x500n; // direction and trap flag
    thread.tracee.setRegs(regs);
    thread.tracee.cont();
  }

  get #restorer(): number {
    return this.#roomy ? this.#gadgets.restorer! : this.area.base + this.#scratch + PAGE - 16;
  }

  /** A frame in the area for a thread that must not have one on its stack. */
  #areaFrame(thread: BorrowedThread, index: number): void {
    const code = this.#scratch + PAGE - 16;
    this.area.bytes.set([0xb8, 15, 0, 0, 0, 0x0f, 0x05], code); // mov $15,%eax; syscall
    let top = this.#frameRoom;
    for (const t of this.threads.slice(0, index + 1)) top += roundPage(frameBytes(t.xstate) + 64);
    const frame = buildFrame(this.area.base + top, {
      regs: restarted(thread.regs, 'eintr'),
      xstate: thread.xstate,
      mask: thread.sigmask,
      restorer: this.area.base + code,
    });
    this.area.bytes.set(frame.bytes, frame.address - this.area.base);
    thread.home = frame.address;
  }

  /**
   * Has a thread other than the leader (which has the puppet) run one batch. It is filled before the thread enters the
   * blob, so that it need not be woken for it.
   * @returns waits for the batch and reads the answer
   */
  inThread<T>(index: number, ask: (b: Batch) => () => T): () => T {
    const thread = this.threads[index]!;
    if (index === 0 || this.#others.has(thread)) throw new RangeError(`thread ${index} runs the blob already`);
    const ring = this.area.ring(SLIM);
    ring.set(L.RING_SPIN, 0); // there is no next batch
    const batch = new Puppet(ring, thread.tracee.tid, thread.tracee).batch();
    const answer = ask(batch);
    batch.submit();
    if (this.#roomy) {
      const inside = this.area.base + L.AREA_INSIDE;
      writeFrames(thread, this.#gadgets, ['futex', inside, FUTEX_WAKE_OP, INT_MAX, 0, inside, MINUS_ONE]);
      this.#countInside(1);
      park(thread, this.#gadgets);
    } else {
      this.#areaFrame(thread, index);
      park(thread, { ...this.#gadgets, restorer: this.#restorer });
    }
    this.#others.add(thread);
    this.#enter(thread, ring);
    return () => {
      batch.run();
      return answer();
    };
  }

  /** Without room on the stacks nobody unmaps the area, and nobody has to be waited for. */
  #countInside(by: number): void {
    if (this.#roomy) this.area.u32[L.AREA_INSIDE >>> 2]! += by;
  }

  /** Bytes of the area that no batch reuses, for what a cure must find: 512 in all. */
  stable(sizeBytes: number, offset = 0): { address: number; view: DataView } {
    if (offset + sizeBytes > STABLE_BYTES) throw new RangeError(`${sizeBytes} stable bytes do not fit`);
    const at = this.#scratch + PAGE / 2 + offset;
    return { address: this.area.base + at, view: new DataView(this.area.buffer, at, sizeBytes) };
  }

  /** A further ring in the area, for a snapshot child. */
  spareRing(shape: RingShape): Ring {
    return this.area.ring(shape);
  }

  /**
   * Has the puppet make a call before it leaves because crit died.
   * @param place of CURE; what stood there is replaced
   */
  setCure(place: number, name: SyscallName, ...args: (number | Load)[]): void {
    this.clearCure(place);
    const at = this.#cureAt(place);
    let kinds: number = L.CTL_CONTINUE;
    args.forEach((arg, i) => {
      const value = typeof arg === 'number' ? arg : arg.address;
      if (typeof arg !== 'number') kinds |= arg.kind << (2 * i);
      this.area.u32[at + (L.OP_ARGS >>> 2) + 2 * i] = value >>> 0;
      this.area.u32[at + (L.OP_ARGS >>> 2) + 2 * i + 1] = Math.floor(value / 2 ** 32);
    });
    this.area.u32[at + 1] = kinds;
    // crit may die between any two stores: this one makes it a call
    Atomics.store(this.area.u32, at, SYSCALLS[name]);
  }

  clearCure(place: number): void {
    Atomics.store(this.area.u32, this.#cureAt(place), NOTHING);
  }

  #cureAt(place: number): number {
    return (this.#ring.cureOffset + place * L.OP_SIZE) >>> 2;
  }

  /**
   * Puts every thread back into the state it was found in, stopped; the area is unmapped. Detaching, and thereby
   * letting them run, is the caller's. Copies of the process still see crit's death.
   */
  giveBack(): void {
    if (this.#released) return;
    this.#released = true;
    const main = this.threads[0]!;
    for (const thread of this.#others) thread.tracee.interrupt();
    main.tracee.interrupt();
    for (const thread of this.#others) {
      thread.tracee.waitTrap();
      restoreThread(thread);
      this.#countInside(-1);
    }
    main.tracee.waitTrap();
    if (!this.#roomy && this.#gadgets.restorer !== undefined)
      writeFrames(main, this.#gadgets, ['munmap', this.area.base, this.area.sizeBytes]);
    park(main, this.#gadgets);
    steppedCall(main, this.#gadgets, 'munmap', [this.area.base, this.area.sizeBytes]);
    restoreThread(main);
  }

  /** Gives the process back, if that has not happened, and lets go of the death word. */
  [Symbol.dispose](): void {
    this.giveBack();
    this.area[Symbol.dispose]();
  }
}

/** Where instructions can be looked for. */
export function executableMappings(mappings: readonly BorrowMapping[]): ExecMapping[] {
  return mappings
    .filter((m) => m.executable && m.name !== '[vsyscall]')
    .map((m) => ({ start: m.start, end: m.end, key: m.key, vdso: m.name === '[vdso]' }));
}

const hex = (n: number) => `0x${n.toString(16)}`;
const roundPage = (n: number) => Math.ceil(n / PAGE) * PAGE;

/**
 * True when frames may stand below the stack pointer: the main stack, or a mapping that also holds the thread's control
 * block (as thread libraries lay stacks out).
 */
function hasRoom(thread: BorrowedThread, mappings: readonly BorrowMapping[]): boolean {
  const sp = Number(thread.regs[REG.sp]);
  const low = sp - REDZONE - frameBytes(thread.xstate) - frameBytes() - 64;
  const mapping = mappings.find((m) => m.start < sp && sp <= m.end);
  if (!mapping?.writable || mapping.shared) return false;
  if (mapping.name === '[stack]') return true; // grows as needed
  const tls = Number(thread.regs[REG.fs_base]);
  return low >= mapping.start && tls >= mapping.start && tls < mapping.end;
}

/** Writes the way home below the stack (step 1): first a system call, then the thread's own state. */
function writeFrames(
  thread: BorrowedThread,
  gadgets: Gadgets,
  [name, ...args]: readonly [SyscallName, ...number[]],
): void {
  const restorer = gadgets.restorer!;
  const top = Number(thread.regs[REG.sp]) - REDZONE;
  const back = buildFrame(top, {
    regs: restarted(thread.regs, 'eintr'),
    xstate: thread.xstate,
    mask: thread.sigmask,
    restorer,
  });
  const regs = callRegs(thread, gadgets, name, args);
  regs[REG.sp] = BigInt(back.address);
  const first = buildFrame(back.address - 8, { regs, mask: ALL_SIGNALS, restorer });
  const { address } = first;
  const bytes = new Uint8Array(top - address);
  bytes.set(first.bytes, 0);
  bytes.set(back.bytes, back.address - address);
  try {
    thread.saved = { address, bytes: readMemory(thread.tracee.tid, address, bytes.length) };
    writeMemory(thread.tracee.tid, address, bytes);
    thread.home = address;
  } catch {
    thread.saved = undefined; // no room at all: the thread has no way home until the area is there
    thread.home = undefined;
  }
}

/** Step 2. */
function park(thread: BorrowedThread, gadgets: Gadgets): void {
  if (thread.home !== undefined && gadgets.restorer !== undefined) {
    const regs = thread.regs.slice();
    regs[REG.ip] = BigInt(gadgets.restorer);
    regs[REG.sp] = BigInt(thread.home + 8);
    regs[REG.orig_ax] = BigInt.asUintN(64, -1n);
    thread.tracee.setRegs(regs);
  }
  thread.tracee.setSigmask(ALL_SIGNALS);
}

/** Registers with which a thread makes a system call through code that it has mapped anyway. */
function callRegs(thread: BorrowedThread, gadgets: Gadgets, name: SyscallName, args: readonly number[]): Regs {
  const regs = thread.regs.slice();
  ARGUMENTS.forEach((reg, i) => {
    regs[reg] = BigInt.asUintN(64, BigInt(args[i] ?? 0));
  });
  regs[REG.ax] = BigInt(SYSCALLS[name]);
  regs[REG.ip] = BigInt(gadgets.syscall);
  regs[REG.orig_ax] = BigInt.asUintN(64, -1n);
  return regs;
}

/**
 * One system call in a parked thread, through code that the thread has mapped anyway; it returns onto the thread's way
 * home. Not PTRACE_SINGLESTEP: the trap flag would outlive the tracer. 2 stops.
 * @returns the result or -errno
 */
function steppedCall(thread: BorrowedThread, gadgets: Gadgets, name: SyscallName, args: readonly number[]): number {
  const { tracee } = thread;
  const regs = callRegs(thread, gadgets, name, args);
  if (thread.home !== undefined) regs[REG.sp] = BigInt(thread.home);
  tracee.setRegs(regs);
  for (let stops = 0; stops < 2;) {
    sys('ptrace', P.PTRACE_SYSCALL, tracee.tid, 0, 0);
    if (tracee.wait().syscall) stops++;
  }
  return Number(BigInt.asIntN(64, tracee.getRegs()[REG.ax]!));
}

function putBack(thread: BorrowedThread): void {
  if (thread.saved) writeMemory(thread.tracee.tid, thread.saved.address, thread.saved.bytes);
  thread.saved = undefined;
}

/** Mask, then registers, then the bytes below the stack: until the registers are set, the way home is still there. */
function restoreThread(thread: BorrowedThread): void {
  thread.tracee.setSigmask(thread.sigmask);
  thread.tracee.setRegs(thread.regs);
  putBack(thread);
  thread.home = undefined;
}

/** Why a process has no room for the control area, where it is known. */
function refusedRoom(pid: number, base: number, size: number, errno: number): CritError {
  const cause = new RemoteError(pid, 'mmap', [hex(base), String(size)], errno > 0 ? errno : EEXIST);
  const needs = `process ${pid}: crit needs ${Math.ceil(size / 1024)} KiB in its address space for the time of a dump, `;
  if (errno === ENOMEM)
    return new CritError(
      `${needs}but the kernel gives it no more memory: raise its limit of address space (prlimit --pid ${pid} --as), or free memory`,
      { code: 'ENOMEM', cause },
    );
  if (errno === EACCES)
    return new CritError(
      `${needs}for code too, but it may map nothing that is both writable and executable (PR_SET_MDWE, or a security module): not supported`,
      { code: 'UNSUPPORTED', cause },
    );
  return cause;
}
