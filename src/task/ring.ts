import { addon } from '../native/addon.js';
import * as L from './generated/layout.js';

/** Pauses before a side goes to sleep: an awake pair exchanges a batch in 0.3 us, a sleeping one in 50 us. */
const SPINS = 2000;
const PAGE = 4096;

/** Shape of a ring: how many operations, how many bytes of arena its orders hold, and its answers as well, how many cures. */
export interface RingShape {
  nrOps: number;
  arenaBytes: number;
  nrCures?: number;
}

/** For work on a whole process. */
export const WIDE: RingShape = { nrOps: 1008, arenaBytes: 192 * 1024 };
/** For a thread's own few questions. */
export const NARROW: RingShape = { nrOps: 64, arenaBytes: 16 * 1024 };
/** For what only a thread can tell of itself; there may be thousands. Its answers fit a page. */
export const SLIM: RingShape = { nrOps: 16, arenaBytes: 1792 };

const roundUp = (n: number, to: number) => Math.ceil(n / to) * to;

/** Bytes that a ring takes of the orders. */
export function orderBytes(shape: RingShape): number {
  return roundUp(L.RING_HEADER_SIZE + shape.nrOps * L.OP_SIZE + shape.arenaBytes, 64) + nrCures(shape) * L.CURE_SIZE;
}

/** Bytes that a ring takes of the answers: whole pages, so that each task can keep its own alone. */
export function answerBytes(shape: RingShape): number {
  const fixed = L.ANSWER_HEADER_SIZE + shape.nrOps * 8 + L.PUPPET_STACK_SIZE + shape.arenaBytes;
  return roundUp(fixed + nrCures(shape) * L.CURE_WORDS_SIZE, PAGE);
}

const nrCures = (shape: RingShape) => shape.nrCures ?? 0;

/** The memory that crit shares with puppets, which see it at `base`: an Area. */
export interface SharedMemory {
  readonly base: number;
  readonly sizeBytes: number;
  readonly buffer: ArrayBuffer;
  readonly bytes: Uint8Array;
  readonly u32: Uint32Array;
  readonly answersAddress: number;
}

/** One ring of an area: the operations, results and arenas of one puppet (or one of its threads). */
export class Ring {
  readonly area: SharedMemory;
  readonly shape: RingShape;
  /** Offsets in the area, bytes: what crit writes ... */
  readonly orders: number;
  readonly opsOffset: number;
  readonly orderArena: number;
  readonly curesOffset: number;
  /** ... and what the puppet writes. */
  readonly answers: number;
  readonly resultsOffset: number;
  readonly stackOffset: number;
  readonly answerArena: number;
  readonly cureWordsOffset: number;
  /** What its puppet must not do when crit is gone, because of seccomp: GUARD. */
  guard = 0;
  /** The last command that was given. Counted here: nothing that a puppet could change says what crit waits for. */
  #command = 0;

  constructor(area: SharedMemory, orders: number, answers: number, shape: RingShape) {
    this.area = area;
    this.shape = shape;
    this.orders = orders;
    this.opsOffset = orders + L.RING_HEADER_SIZE;
    this.orderArena = this.opsOffset + shape.nrOps * L.OP_SIZE;
    this.curesOffset = orders + orderBytes(shape) - nrCures(shape) * L.CURE_SIZE;
    this.answers = answers;
    this.resultsOffset = answers + L.ANSWER_HEADER_SIZE;
    this.stackOffset = this.resultsOffset + shape.nrOps * 8;
    this.answerArena = this.stackOffset + L.PUPPET_STACK_SIZE;
    this.cureWordsOffset = this.answerArena + shape.arenaBytes;
    this.set(L.RING_SPIN, SPINS);
    this.set64(L.RING_DEATH_PTR, area.base + L.AREA_DEATH);
    this.set64(L.RING_OPS_PTR, area.base + this.opsOffset);
    this.set64(L.RING_CURES_PTR, area.base + this.curesOffset);
    this.set64(L.RING_ANSWER_PTR, area.base + answers);
    this.set64(L.RING_RESULTS_PTR, area.base + this.resultsOffset);
  }

  /** Address in the puppet. */
  get address(): number {
    return this.area.base + this.orders;
  }

  /** Top of the ring's stack, in the puppet. */
  get stackTop(): number {
    return this.stackBase + L.PUPPET_STACK_SIZE;
  }

  /** Bottom of the ring's stack, in the puppet. */
  get stackBase(): number {
    return this.area.base + this.stackOffset;
  }

  /** Where its answers are in the puppet, whole pages. */
  get answersAddress(): number {
    return this.area.base + this.answers;
  }

  /** Counts the threads that run the blob beside the owner of this ring. */
  get insideAddress(): number {
    return this.area.base + this.answers + L.ANSWER_INSIDE;
  }

  set(field: number, value: number): void {
    this.area.u32[(this.orders + field) >>> 2] = value;
  }

  /** What its puppet does when crit is gone (DEATH_*). */
  onDeath(how: number): void {
    this.set(L.RING_ON_DEATH, how | this.guard);
  }

  /** From now on its puppet is one that seccomp restricts: GUARD. */
  guarded(guard: number): void {
    this.guard = guard;
    this.onDeath(this.area.u32[(this.orders + L.RING_ON_DEATH) >>> 2]! & L.DEATH_HOW);
  }

  set64(field: number, value: number): void {
    this.set(field, value >>> 0);
    this.set(field + 4, Math.floor(value / 2 ** 32));
  }

  /** A ring that had a puppet before, which left without an answer, is as new. */
  reset(): void {
    this.#command = 0;
    this.set(L.RING_CMD, 0);
    this.area.u32[(this.answers + L.ANSWER_DONE) >>> 2] = 0;
  }

  submit(count: number): void {
    this.set(L.RING_NR_OPS, count);
    addon().ringSubmit(this.area.buffer, this.orders, this.answers, ++this.#command);
  }

  /** True when the last command is done; waits up to `timeoutMs`. */
  wait(timeoutMs: number): boolean {
    return addon().ringWait(this.area.buffer, this.orders, this.answers, this.#command, SPINS, timeoutMs);
  }

  /** How many of `count` operations succeeded, by the puppet's word. */
  ran(count: number): number {
    return Math.min(this.area.u32[(this.answers + L.ANSWER_FAILED) >>> 2]!, count);
  }

  /** The result of an operation, by the puppet's word: any number of 64 bits. */
  result(index: number): number {
    const at = (this.resultsOffset + index * 8) >>> 2;
    const low = this.area.u32[at]!;
    return (this.area.u32[at + 1]! | 0) * 2 ** 32 + low;
  }
}
