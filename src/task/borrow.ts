import { closeSync, openSync } from 'node:fs';
import { CritError } from '../image/errors.js';
import {
  type ExecMapping,
  type Gadgets,
  RESTORER_CODE,
  type Regs,
  type SyscallName,
  findGadgets,
  setBlobEntry,
} from '../arch/index.js';
import { FUTEX_WAKE_OP } from '../kernel/uapi/futex.js';
import {
  MAP_ANONYMOUS,
  MAP_FIXED_NOREPLACE,
  MAP_NORESERVE,
  MAP_SHARED,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
} from '../kernel/uapi/mman.js';
import { ERRNO } from '../kernel/uapi/errno.js';
import { Area, areaSize, SLIM, WIDE, type AreaSize, type RingShape } from './area.js';
import type { Batch } from './batch.js';
import { BorrowedThread, type BorrowMapping, type PlainCall } from './borrowed-thread.js';
import { Cures, type Cure, type CureArg } from './cures.js';
import * as L from './generated/layout.js';
import { Patience } from './patience.js';
import { Puppet } from './puppet.js';
import { RemoteError } from './remote-error.js';
import { readerOf } from './remote-memory.js';
import type { Ring } from './ring.js';

const PAGE = 4096;
/** How many cures a process can have at a time, if nothing else is said. */
const NR_CURES = 512;
const MAP_AREA = MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE;
/** FUTEX_WAKE_OP: adds -1 to the second word, FUTEX_OP(ADD, -1, EQ, 0), and wakes who waits at the first. */
const MINUS_ONE = 0x10fff000;
const INT_MAX = 0x7fffffff;
const RESTORER_BYTES = 64;

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

/** Bytes of the orders that hold the frames of threads which have no room for them. */
export function framesBytes(threads: readonly BorrowedThread[]): number {
  return threads.reduce((sum, thread) => sum + thread.frameBytes, RESTORER_BYTES);
}

/** Where a process's ways home are: on the stacks of its threads, or in the area. */
interface Homes {
  readonly gadgets: Gadgets;
  /** Every thread has room on its stack, and there is code that calls rt_sigreturn. */
  readonly roomy: boolean;
  /** Offset in the area of the room for frames, if they are there. */
  readonly framesOffset: number;
}

/** Finds what leads a process home. @throws CritError NO_GADGET */
export function findHomes(
  pid: number,
  threads: readonly BorrowedThread[],
  mappings: readonly BorrowMapping[],
): Omit<Homes, 'framesOffset'> {
  const gadgets = findGadgets(executableMappings(mappings), readerOf(pid));
  if (!gadgets)
    throw new CritError(
      `task ${pid} has no usable system call instruction mapped (no vDSO, no libc): crit cannot take itself out of it`,
      { code: 'NO_GADGET' },
    );
  return { gadgets, roomy: gadgets.restorer !== undefined && threads.every((thread) => thread.hasRoom(mappings)) };
}

/**
 * A process under crit's control: the control area is mapped into it and its leader runs the blob; its other threads may
 * run it too. Everything is put back by `giveBack`; should crit die at any instant, every thread heals by itself, in this
 * order (a trial of other orders lost tasks):
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
 * The area is mapped readable and executable; its answers are made writable, and no more executable, by the blob's
 * first call. The task cannot write to its orders, nor can anybody through its memory (docs/trust.md).
 *
 * Cost: 5 ptrace stops a process and 1 batch; 1 stop and 1 batch for each other thread that is used.
 */
export class Borrowed implements Disposable {
  readonly pid: number;
  readonly area: Area;
  readonly threads: readonly BorrowedThread[];
  readonly puppet: Puppet;
  readonly #homes: Homes;
  readonly #ring: Ring;
  /** Those that run the blob beside the leader. */
  readonly #others = new Set<BorrowedThread>();
  readonly #cures: Cures;
  readonly #whenParked: (() => void) | undefined;
  #released = false;
  #healing = false;

  private constructor(
    area: Area,
    threads: readonly BorrowedThread[],
    homes: Homes,
    puppet: Puppet,
    whenParked?: () => void,
  ) {
    this.#whenParked = whenParked;
    this.pid = puppet.tid;
    this.area = area;
    this.threads = threads;
    this.#homes = homes;
    this.puppet = puppet;
    this.#ring = puppet.ring;
    this.#cures = new Cures(puppet);
    if (!homes.roomy) this.area.bytes.set(RESTORER_CODE, homes.framesOffset);
  }

  /** Borrows a process all of whose threads are stopped; the leader comes first. */
  static of(
    pid: number,
    threads: readonly BorrowedThread[],
    mappings: readonly BorrowMapping[],
    rings: readonly RingShape[] = [],
    nrCures = NR_CURES,
  ): Borrowed {
    const homes = findHomes(pid, threads, mappings);
    const { gadgets } = homes;
    const shape = { ...WIDE, nrCures };
    const shapes = areaSize([shape, ...rings, ...threads.slice(1).map(() => SLIM)]);
    const main = threads[0]!;
    const base = findHole(mappings, shapes.orders + roundPage(framesBytes(threads)) + shapes.answers);
    let roomy = homes.roomy;
    let size = sizeOf(shapes, roomy ? [] : threads);
    // 1, 2
    const unmap = (): PlainCall => ['munmap', base, size.orders + size.answers];
    if (gadgets.restorer !== undefined && !main.writeFrames(gadgets, unmap()) && roomy) {
      roomy = false;
      size = sizeOf(shapes, threads);
    }
    main.park(gadgets.restorer);
    let area: Area | undefined;
    try {
      // 3
      const bytes = size.orders + size.answers;
      const mapped = main.call(gadgets, ['mmap', base, bytes, PROT_READ | PROT_EXEC, MAP_AREA, -1, 0]);
      if (mapped !== base) throw refusedRoom(pid, base, bytes, -mapped);
      const fd = openSync(`/proc/${pid}/map_files/${base.toString(16)}-${(base + bytes).toString(16)}`, 'r+');
      try {
        area = new Area([fd], base, size);
      } finally {
        closeSync(fd);
      }
      const puppet = new Puppet(area.ring(shape), pid, Patience.ofDump(), main.tracee);
      const borrowed = new Borrowed(area, threads, { gadgets, roomy, framesOffset: shapes.orders }, puppet);
      borrowed.#start();
      return borrowed;
    } catch (error) {
      try {
        main.call(gadgets, unmap());
        main.restore(gadgets);
      } catch {
        // let go, it goes home by itself
      }
      area?.[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * A process that crit has built and whose threads all run the blob: what they are to become is told by `threads`, which
   * stand. Should crit die after `area.go()`, they become that by themselves.
   * @param puppets of the threads, leader first
   * @param framesOffset where the area has room for `framesBytes(threads)`, in the orders
   * @param whenParked called while it is given back, when all its threads stand outside the blob with all signals blocked
   */
  static built(
    area: Area,
    threads: readonly BorrowedThread[],
    puppets: readonly Puppet[],
    mappings: readonly BorrowMapping[],
    framesOffset: number,
    whenParked?: () => void,
  ): Borrowed {
    const leader = puppets[0]!;
    const homes = findHomes(leader.tid, threads, mappings);
    const inside = leader.ring.insideAddress;
    const callOf = (i: number): PlainCall => (i > 0 ? countOut(inside) : ['munmap', area.base, area.sizeBytes]);
    const roomy = homes.roomy && threads.every((thread, i) => thread.writeFrames(homes.gadgets, callOf(i)));
    const borrowed = new Borrowed(area, threads, { ...homes, roomy, framesOffset }, leader, whenParked);
    borrowed.#countInside(threads.length - 1);
    threads.forEach((thread, i) => {
      if (i > 0) borrowed.#others.add(thread);
      if (!roomy) {
        thread.putBack();
        borrowed.#areaFrame(i);
      }
      borrowed.#pointHome(puppets[i]!.ring, thread, L.DEATH_ASK);
    });
    leader.ring.set64(L.RING_INSIDE_PTR, inside);
    return borrowed;
  }

  #start(): void {
    const main = this.threads[0]!;
    const onStack = main.home !== undefined;
    if (!this.#homes.roomy) this.#areaFrame(0);
    this.#ring.set64(L.RING_INSIDE_PTR, this.#ring.insideAddress);
    this.#pointHome(this.#ring, main, L.DEATH_LEAVE);
    main.tracee.setRegs(this.#entry(main, this.#ring));
    main.tracee.cont();
    if (!this.#homes.roomy && onStack) main.putBack();
  }

  /** Tells a puppet where it goes when crit is dead. */
  #pointHome(ring: Ring, thread: BorrowedThread, onDeath: number): void {
    ring.set64(L.RING_LEAVE_SP, thread.home! + 8);
    ring.set64(L.RING_LEAVE_IP, this.#restorer);
    ring.set(L.RING_ON_DEATH, onDeath);
  }

  /**
   * Registers with which a parked thread enters the blob, by way of a system call that makes the answers writable: each
   * makes it, for none knows whether another has been scheduled yet.
   */
  #entry(thread: BorrowedThread, ring: Ring): Regs {
    const regs = thread.regs.slice();
    const { entryWithCall, answersAddress, size } = this.area;
    setBlobEntry(regs, entryWithCall, ring.stackTop, ring.address, [
      'mprotect',
      answersAddress,
      size.answers,
      PROT_READ | PROT_WRITE,
    ]);
    return regs;
  }

  get #restorer(): number {
    return this.#homes.roomy ? this.#homes.gadgets.restorer! : this.area.base + this.#homes.framesOffset;
  }

  /** A frame in the area for a thread that must not have one on its stack. */
  #areaFrame(index: number): void {
    const top = this.#homes.framesOffset + framesBytes(this.threads.slice(0, index + 1));
    const frame = this.threads[index]!.frameAt(this.area.base + top, this.#restorer);
    this.area.bytes.set(frame.bytes, frame.address - this.area.base);
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
    const batch = new Puppet(ring, thread.tracee.tid, this.puppet.patience, thread.tracee).batch();
    const answer = ask(batch);
    batch.submit();
    if (!this.#homes.roomy) this.#areaFrame(index);
    else if (!thread.writeFrames(this.#homes.gadgets, countOut(this.#ring.insideAddress)))
      throw new CritError(`task ${thread.tracee.tid}: its stack cannot be written`, { code: 'TASK_FAULT' });
    this.#countInside(1);
    thread.park(this.#restorer);
    this.#others.add(thread);
    this.#pointHome(ring, thread, L.DEATH_LEAVE);
    thread.tracee.setRegs(this.#entry(thread, ring));
    thread.tracee.cont();
    return () => {
      batch.run();
      return answer();
    };
  }

  /** Without room on the stacks nobody unmaps the area, and nobody has to be waited for. */
  #countInside(by: number): void {
    if (this.#homes.roomy) Atomics.add(this.area.u32, (this.#ring.answers + L.ANSWER_INSIDE) >>> 2, by);
  }

  /** A further ring in the area, for a snapshot child. */
  spareRing(shape: RingShape): Ring {
    return this.area.ring(shape);
  }

  /**
   * Has the puppet make a call before it leaves because crit died, the last that was asked for first; should it not answer any
   * more, crit has it make the call when it is given back. Ends with what is returned. No batch, no stop.
   * @example
   * using cure = borrowed.cure('setsockopt', fd, SOL_SOCKET, SO_PEEK_OFF, Int32Array.of(-1), 4);
   */
  cure(name: SyscallName, ...args: CureArg[]): Cure {
    return this.#cures.make(name, args);
  }

  /** The steps of giving back, for giveBackAll. */
  get givingBack(): readonly (() => void)[] {
    const main = this.threads[0]!;
    const { gadgets } = this.#homes;
    const unmap: PlainCall = ['munmap', this.area.base, this.area.sizeBytes];
    return [
      () => {
        for (const thread of [...this.#others, main]) thread.tracee.halt();
      },
      () => {
        for (const thread of this.#others) {
          thread.tracee.waitTrap();
          thread.park(this.#restorer);
        }
        main.tracee.waitTrap();
        main.park(this.#restorer);
        this.#whenParked?.();
        for (const thread of this.#others) thread.restore(gadgets);
        if (this.puppet.lost) for (const call of this.#cures.calls()) main.call(gadgets, call);
        // only now: this way home takes the area with it
        if (!this.#homes.roomy && gadgets.restorer !== undefined && main.writeFrames(gadgets, unmap))
          main.park(gadgets.restorer);
        main.beginCall(gadgets, unmap);
        main.tracee.toSyscall();
      },
      () => {
        const result = main.endCall();
        if (result < 0) throw new RemoteError(this.pid, 'munmap', ['the control area'], -result);
        main.restore(gadgets);
        this.#released = true;
      },
    ];
  }

  /** What has not worked by ptrace, the process does itself as if crit had died, as soon as it is let go. */
  heal(): void {
    this.#released = true;
    this.#healing = true;
    this.area.die();
  }

  get released(): boolean {
    return this.#released;
  }

  /** Its threads stand and are what they were. */
  get isHome(): boolean {
    return this.#released && !this.#healing;
  }

  /** Gives the process back, if that has not happened, and lets go of the death word. @throws CritError */
  [Symbol.dispose](): void {
    const [failure] = giveBackAll([this]);
    this.area[Symbol.dispose]();
    if (failure) throw failure;
  }
}

/**
 * Puts every thread of these processes back into the state that it was found in, or is to have, standing; the areas are
 * unmapped. Detaching, and thereby letting them run, is the caller's. A process with which that fails heals by itself
 * when it is let go: no failure keeps crit from the others. Copies of a process still see crit's death.
 * @returns what failed, one error a process
 */
export function giveBackAll(all: readonly Borrowed[]): Error[] {
  const failures: Error[] = [];
  let left = all.filter((borrowed) => !borrowed.released).map((borrowed) => ({ borrowed, steps: borrowed.givingBack }));
  for (let step = 0; left.length > 0 && step < left[0]!.steps.length; step++)
    left = left.filter(({ borrowed, steps }) => {
      try {
        steps[step]!();
        return true;
      } catch (error) {
        failures.push(error as Error);
        borrowed.heal();
        return false;
      }
    });
  return failures;
}

/** Where instructions can be looked for. */
export function executableMappings(mappings: readonly BorrowMapping[]): ExecMapping[] {
  return mappings
    .filter((m) => m.executable && m.name !== '[vsyscall]')
    .map((m) => ({ start: m.start, end: m.end, key: m.name === '[vdso]' ? m.name : m.key, vdso: m.name === '[vdso]' }));
}

const hex = (n: number) => `0x${n.toString(16)}`;
const roundPage = (n: number) => Math.ceil(n / PAGE) * PAGE;

/** What a thread beside the leader calls on its way home. */
const countOut = (inside: number): PlainCall => ['futex', inside, FUTEX_WAKE_OP, INT_MAX, 0, inside, MINUS_ONE];

/** The area: rings, and frames of those that have no room for them. */
function sizeOf(rings: AreaSize, framed: readonly BorrowedThread[]): AreaSize {
  return {
    orders: rings.orders + (framed.length > 0 ? roundPage(framesBytes(framed)) : 0),
    answers: rings.answers,
  };
}

/** Why a process has no room for the control area, where it is known. */
function refusedRoom(pid: number, base: number, size: number, errno: number): CritError {
  const cause = new RemoteError(pid, 'mmap', [hex(base), String(size)], errno > 0 ? errno : ERRNO.EEXIST);
  const needs = `process ${pid}: crit needs ${Math.ceil(size / 1024)} KiB in its address space for the time of a dump, `;
  if (errno === ERRNO.ENOMEM)
    return new CritError(
      `${needs}but the kernel gives it no more memory: raise its limit of address space (prlimit --pid ${pid} --as), or free memory`,
      { code: 'ENOMEM', cause },
    );
  if (errno === ERRNO.EACCES)
    return new CritError(
      `${needs}for code too, but it may map no code of its own making (a security module): not supported`,
      { code: 'UNSUPPORTED', cause },
    );
  return cause;
}
