import { PTRACE_CONT } from '../kernel/uapi/ptrace.js';
import type { Pid } from '../image/pid.js';
import { closeSync, openSync } from 'node:fs';
import { type Regs, type SyscallName, setBlobEntry } from '../arch/index.js';
import { CritError } from '../image/errors.js';
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
import { Area, areaSize, SLIM, WIDE, type AreaSize, type RingShape } from './area.js';
import type { Batch } from './batch.js';
import type { BorrowedThread, BorrowMapping, PlainCall } from './borrowed-thread.js';
import { Cures, type Cure, type CureArg } from './cures.js';
import * as L from './generated/layout.js';
import { giveBackAll, type Leaver } from './give-back.js';
import { GUARD, type Guard } from './guard.js';
import { findHole } from './hole.js';
import { noRoom } from './no-room.js';
import { Patience } from './patience.js';
import { Puppet } from './puppet.js';
import { RemoteError } from './remote-error.js';
import type { Ring } from './ring.js';
import { findWayHome, framesBytes, WayHome } from './way-home.js';

const PAGE = 4096;
/** How many cures a process can have at a time, if nothing else is said. */
const NR_CURES = 512;
const MAP_AREA = MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE;
/** FUTEX_WAKE_OP: adds -1 to the second word, FUTEX_OP(ADD, -1, EQ, 0), and wakes who waits at the first. */
const MINUS_ONE = 0x10fff000;
const INT_MAX = 0x7fffffff;

/** What is done with a process that crit has built, while it is given back. */
export interface BuiltHooks {
  /** All its threads stand outside the blob, with all signals blocked. */
  readonly whenParked?: (() => void) | undefined;
  /** Calls of the leader when that is true of all processes; nobody asks whether they work. */
  readonly lastCalls?: readonly PlainCall[];
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
 * A process that seccomp restricts is spared calls when crit is gone: guard.ts. One that is quiet has no first frame, and keeps
 * the area.
 *
 * A process with a thread whose stack pointer is not in a real stack (a goroutine, a coroutine), or without a
 * restorer, gets its frames in the area itself as soon as that is there: then a death of crit leaves the area mapped.
 *
 * The area is mapped readable and executable; its answers are made writable, and no more executable, by the blob's
 * first call. The task cannot write to its orders, nor can anybody through its memory (docs/trust.md).
 *
 * Cost: 5 ptrace stops a process and 1 batch; 1 stop and 1 batch for each other thread that is used.
 */
export class Borrowed implements Disposable, Leaver {
  readonly pid: Pid;
  readonly area: Area;
  readonly threads: readonly BorrowedThread[];
  readonly puppet: Puppet;
  readonly #home: WayHome;
  readonly #ring: Ring;
  /** Those that run the blob beside the leader. */
  readonly #others = new Set<BorrowedThread>();
  readonly #cures: Cures;
  readonly #built: BuiltHooks;
  #released = false;
  #healing = false;

  private constructor(area: Area, home: WayHome, puppet: Puppet, built: BuiltHooks = {}) {
    this.#built = built;
    this.pid = puppet.tid;
    this.area = area;
    this.threads = home.threads;
    this.#home = home;
    this.puppet = puppet;
    this.#ring = puppet.ring;
    this.#cures = new Cures(puppet);
  }

  /** Borrows a process all of whose threads are stopped; the leader comes first. */
  static of(
    pid: Pid,
    threads: readonly BorrowedThread[],
    mappings: readonly BorrowMapping[],
    rings: readonly RingShape[] = [],
    { nrCures = NR_CURES, guard = GUARD.none }: { nrCures?: number; guard?: Guard } = {},
  ): Borrowed {
    const found = findWayHome(pid, threads, mappings);
    const { gadgets } = found;
    for (const thread of threads) thread.careful = guard === GUARD.quiet;
    const shape = { ...WIDE, nrCures };
    const shapes = areaSize([shape, ...rings, ...threads.slice(1).map(() => SLIM)]);
    const main = threads[0]!;
    const base = findHole(mappings, shapes.orders + roundPage(framesBytes(threads)) + shapes.answers);
    let { roomy } = found;
    let size = sizeOf(shapes, roomy ? [] : threads);
    // 1, 2
    const unmap = (): PlainCall => ['munmap', base, size.orders + size.answers];
    if (gadgets.restorer !== undefined && !main.writeFrames(gadgets, unlessQuiet(guard, unmap())) && roomy) {
      roomy = false;
      size = sizeOf(shapes, threads);
    }
    main.park(gadgets.restorer);
    let area: Area | undefined;
    try {
      // 3
      const bytes = size.orders + size.answers;
      const mapped = main.call(gadgets, ['mmap', base, bytes, PROT_READ | PROT_EXEC, MAP_AREA, -1, 0]);
      if (mapped !== base) throw noRoom(pid, base, bytes, -mapped);
      const fd = openSync(`/proc/${pid}/map_files/${base.toString(16)}-${(base + bytes).toString(16)}`, 'r+');
      try {
        area = new Area([fd], base, size);
      } finally {
        closeSync(fd);
      }
      const puppet = new Puppet(area.ring(shape), pid, Patience.ofDump(), main.tracee);
      const home = new WayHome(area, threads, { gadgets, roomy }, shapes.orders);
      puppet.ring.guarded(guard);
      const borrowed = new Borrowed(area, home, puppet);
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
   */
  static built(
    area: Area,
    threads: readonly BorrowedThread[],
    puppets: readonly Puppet[],
    mappings: readonly BorrowMapping[],
    framesOffset: number,
    hooks: BuiltHooks,
  ): Borrowed {
    const leader = puppets[0]!;
    const found = findWayHome(leader.tid, threads, mappings);
    const inside = leader.ring.insideAddress;
    const callOf = (i: number): PlainCall => (i > 0 ? countOut(inside) : ['munmap', area.base, area.sizeBytes]);
    const { guard } = leader.ring;
    for (const thread of threads) thread.careful = guard === GUARD.quiet;
    const roomy =
      found.roomy && threads.every((thread, i) => thread.writeFrames(found.gadgets, unlessQuiet(guard, callOf(i))));
    const home = new WayHome(area, threads, { ...found, roomy }, framesOffset);
    const borrowed = new Borrowed(area, home, leader, hooks);
    borrowed.#countInside(threads.length - 1);
    threads.forEach((thread, i) => {
      if (i > 0) borrowed.#others.add(thread);
      if (!roomy) {
        thread.putBack();
        home.frameInArea(i);
      }
      home.tell(puppets[i]!.ring, thread, L.DEATH_ASK);
    });
    leader.ring.set64(L.RING_INSIDE_PTR, inside);
    return borrowed;
  }

  #start(): void {
    const main = this.threads[0]!;
    const onStack = main.home !== undefined;
    if (!this.#home.roomy) this.#home.frameInArea(0);
    this.#ring.set64(L.RING_INSIDE_PTR, this.#ring.insideAddress);
    this.#home.tell(this.#ring, main, L.DEATH_LEAVE);
    main.tracee.runWith(this.#entry(main, this.#ring), PTRACE_CONT);
    if (!this.#home.roomy && onStack) main.putBack();
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
    ring.guarded(this.#ring.guard);
    const batch = new Puppet(ring, thread.tracee.tid, this.puppet.patience, thread.tracee).batch();
    const answer = ask(batch);
    batch.submit();
    if (!this.#home.roomy) this.#home.frameInArea(index);
    else if (!thread.writeFrames(this.#home.gadgets, unlessQuiet(ring.guard, countOut(this.#ring.insideAddress))))
      throw new CritError(`task ${thread.tracee.tid}: its stack cannot be written`, { code: 'TASK_FAULT' });
    this.#countInside(1);
    thread.park(this.#home.restorer);
    this.#others.add(thread);
    this.#home.tell(ring, thread, L.DEATH_LEAVE);
    thread.tracee.runWith(this.#entry(thread, ring), PTRACE_CONT);
    return () => {
      batch.run();
      return answer();
    };
  }

  /** Without room on the stacks nobody unmaps the area, and nobody has to be waited for. */
  #countInside(by: number): void {
    if (this.#home.roomy) Atomics.add(this.area.u32, (this.#ring.answers + L.ANSWER_INSIDE) >>> 2, by);
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
    const { gadgets } = this.#home;
    const unmap: PlainCall = ['munmap', this.area.base, this.area.sizeBytes];
    return [
      () => {
        for (const thread of [...this.#others, main]) thread.tracee.halt();
      },
      () => {
        for (const thread of this.#others) {
          thread.tracee.waitTrap();
          thread.park(this.#home.restorer);
        }
        main.tracee.waitTrap();
        main.park(this.#home.restorer);
        this.#built.whenParked?.();
        for (const thread of this.#others) thread.restore(gadgets);
      },
      () => {
        for (const call of this.#built.lastCalls ?? []) main.call(gadgets, call);
        if (this.puppet.lost) for (const call of this.#cures.calls()) main.call(gadgets, call);
        // only now: this way home takes the area with it
        const last = unlessQuiet(this.#ring.guard, unmap);
        if (!this.#home.roomy && gadgets.restorer !== undefined && main.writeFrames(gadgets, last))
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

const roundPage = (n: number) => Math.ceil(n / PAGE) * PAGE;

/** A call of a way home; none where seccomp may forbid it. */
const unlessQuiet = (guard: number, call: PlainCall): PlainCall | undefined =>
  guard === GUARD.quiet ? undefined : call;

/** What a thread beside the leader calls on its way home. */
const countOut = (inside: number): PlainCall => ['futex', inside, FUTEX_WAKE_OP, INT_MAX, 0, inside, MINUS_ONE];

/** The area: rings, and frames of those that have no room for them. */
function sizeOf(rings: AreaSize, framed: readonly BorrowedThread[]): AreaSize {
  return {
    orders: rings.orders + (framed.length > 0 ? roundPage(framesBytes(framed)) : 0),
    answers: rings.answers,
  };
}
