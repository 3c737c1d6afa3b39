import type { Pid } from '../image/pid.js';
import { SYSCALLS, type SyscallName } from '../arch/index.js';
import * as L from './generated/layout.js';
import { stringOfBytes } from '../image/utf8.js';
import { RemoteError } from './remote-error.js';
import type { Ring } from './ring.js';

/** Operations of the blob that are not system calls; each is told in native/puppet/puppet.c. */
export const SPECIAL = {
  copy: L.OP_COPY,
  add: L.OP_ADD,
  vector: L.OP_VECTOR,
  cowFill: L.OP_COW_FILL,
  clone: L.OP_CLONE,
} as const;

export type OperationName = SyscallName | keyof typeof SPECIAL;

/** The result of an operation: an argument of later ones at once, a number after the run. */
export class Ref {
  /** Index in the current piece of the batch; -1 when that piece has run. */
  index: number;
  /** What was asked, for an error's words. */
  readonly name: OperationName;
  readonly args: readonly Arg[];
  readonly doing: string | undefined;
  /** It may fail. */
  readonly tried: boolean;
  #value = NaN;
  constructor(index: number, name: OperationName, args: readonly Arg[], doing: string | undefined, tried: boolean) {
    this.index = index;
    this.name = name;
    this.args = args;
    this.doing = doing;
    this.tried = tried;
  }
  /** The result; -errno of a `tryCall` that failed. @throws when the batch has not run */
  get value(): number {
    if (!this.done) throw new TypeError('the batch of this result has not run');
    return this.#value;
  }
  get done(): boolean {
    return !Number.isNaN(this.#value);
  }
  resolve(value: number): void {
    this.#value = value;
    this.index = -1;
  }
}

/**
 * Bytes in the arena of the answers: an address for operations, their contents after the run. Whoever can write to the
 * task's memory can write there: what comes back is bounded before it is used.
 */
export class Out {
  readonly address: number;
  readonly sizeBytes: number;
  /** A copy of what its piece of the batch used of the arena, and where this begins in it. */
  #arena: Buffer | undefined;
  #offset = 0;
  constructor(address: number, sizeBytes: number) {
    this.address = address;
    this.sizeBytes = sizeBytes;
  }
  resolve(arena: Buffer, offset: number): void {
    this.#arena = arena;
    this.#offset = offset;
  }
  get done(): boolean {
    return this.#arena !== undefined;
  }
  #copied(): Buffer {
    if (!this.#arena) throw new TypeError('the batch of this buffer has not run');
    return this.#arena;
  }
  /** What is there after the run. */
  get bytes(): Uint8Array {
    return new Uint8Array(this.#copied().buffer, this.#offset, this.sizeBytes);
  }
  get view(): DataView {
    return new DataView(this.#copied().buffer, this.#offset, this.sizeBytes);
  }
  /** Its first bytes as text (utf8.ts). */
  text(sizeBytes: number): string {
    return stringOfBytes(this.#copied(), this.#offset, this.#offset + Math.min(sizeBytes, this.sizeBytes));
  }
  /** The argument that is the int stored at `offset` when the operation runs. */
  int(offset = 0): Load {
    return new Load(this.address + offset, L.ARG_LOAD32, this);
  }
  /** The argument that is the 64-bit word stored at `offset` when the operation runs. */
  word(offset = 0): Load {
    return new Load(this.address + offset, L.ARG_LOAD64, this);
  }
}

/** An argument read from memory at the moment the operation runs. */
export class Load {
  readonly address: number;
  readonly kind: number;
  readonly of: Out | undefined;
  constructor(address: number, kind: number, of?: Out) {
    this.address = address;
    this.kind = kind;
    this.of = of;
  }
}

/** Strings and byte arrays are copied into the arena of the orders, where the task can only read, and passed by address. */
export type Arg = number | bigint | Ref | Out | Load | string | Uint8Array | null;

const NUMBERS: ReadonlyMap<OperationName, number> = new Map(
  Object.entries({ ...SYSCALLS, ...SPECIAL }) as [OperationName, number][],
);
const WORD = 2 ** 32;
/** linux/err.h */
const MAX_ERRNO = 4095;
const encoder = new TextEncoder();

/** Space an argument takes in the arena, bytes. */
function arenaNeed(arg: Arg): number {
  if (typeof arg === 'string') return (Buffer.byteLength(arg) + 1 + 15) & ~15;
  if (arg instanceof Uint8Array) return (arg.length + 15) & ~15;
  return 0;
}

/**
 * A batch of system calls for one puppet. Calls are collected, and run in order when the batch is full or `run()` is
 * called; the first that fails ends the run with a RemoteError, unless it was a `tryCall`. A batch that outgrows the
 * ring is cut into pieces without the caller seeing it: results of earlier pieces become plain numbers. Only arena
 * addresses end with their piece: `reserve()` keeps what belongs together in one.
 *
 * Cost: one batch a piece (0.3 us when both sides are awake), no ptrace stop.
 */
export class Batch {
  readonly ring: Ring;
  readonly #run: () => void;
  readonly #pid: () => Pid;
  #count = 0;
  #submitted = false;
  /** Bytes taken of the arena of the orders, and of that of the answers. */
  #orderArena = 0;
  #answerArena = 0;
  #refs: Ref[] = [];
  #outs: Out[] = [];
  #doing: string | undefined;

  constructor(ring: Ring, pid: () => Pid, run: () => void) {
    this.ring = ring;
    this.#pid = pid;
    this.#run = run;
  }

  /**
   * Says what the calls are for that are added in its scope; an error begins with it.
   * @example
   * using _doing = b.doing('opening the log');
   */
  doing(what: string): Disposable {
    const before = this.#doing;
    this.#doing = what;
    return { [Symbol.dispose]: () => (this.#doing = before) };
  }

  /** Adds a call that must succeed. */
  call(name: OperationName, ...args: Arg[]): Ref {
    return this.#push(name, 0, args);
  }

  /** Adds a call that may fail: its Ref then holds -errno and the batch goes on. */
  tryCall(name: OperationName, ...args: Arg[]): Ref {
    return this.#push(name, L.CTL_CONTINUE, args);
  }

  /** Makes sure that the next `ops` calls and `bytes` of arguments and of buffers fall into one piece. */
  reserve(ops: number, bytes: number): this {
    const { nrOps, arenaBytes } = this.ring.shape;
    if (ops > nrOps || bytes > arenaBytes)
      throw new RangeError(`a batch of ${ops} operations and ${bytes} bytes does not fit the ring`);
    if (this.#submitted) this.run();
    if (this.#count + ops > nrOps || Math.max(this.#orderArena, this.#answerArena) + bytes > arenaBytes) this.run();
    return this;
  }

  /** How many operations are collected. */
  get size(): number {
    return this.#count;
  }

  /** Largest number of arena bytes that one piece can hold, of either kind. */
  get arenaBytes(): number {
    return this.ring.shape.arenaBytes;
  }

  /** Bytes of the arena, zeroed or copied from `init`; readable after the run. */
  out(sizeBytes: number, init?: Uint8Array): Out {
    const need = (sizeBytes + 15) & ~15;
    const at = this.#room(need);
    const bytes = this.ring.area.bytes;
    bytes.fill(0, at, at + need);
    if (init) bytes.set(init, at);
    const out = new Out(this.ring.area.base + at, sizeBytes);
    this.#outs.push(out);
    return out;
  }

  /** Address of bytes of the arena that operations of this piece may use among themselves; nothing comes back. */
  scratch(sizeBytes: number): number {
    return this.ring.area.base + this.#room((sizeBytes + 15) & ~15);
  }

  #room(need: number): number {
    this.reserve(0, need);
    const at = this.ring.answerArena + this.#answerArena;
    this.#answerArena += need;
    return at;
  }

  /** A copy of `bytes` that operations may write to. */
  bytes(bytes: Uint8Array): Out {
    return this.out(bytes.length, bytes);
  }

  #push(name: OperationName, ctl: number, args: readonly Arg[]): Ref {
    let need = 0;
    for (const arg of args) if (typeof arg !== 'number') need += arenaNeed(arg);
    this.reserve(1, need);
    const { area, opsOffset } = this.ring;
    const u32 = area.u32;
    const at = (opsOffset + this.#count * L.OP_SIZE) >>> 2;
    let kinds = ctl;
    for (let i = 0; i < 6; i++) {
      const word = at + (L.OP_ARGS >>> 2) + i * 2;
      const arg = args[i] ?? 0;
      let value: number;
      if (typeof arg === 'number') {
        if (arg >= 0 && arg <= 0x7fffffff) {
          u32[word] = arg;
          u32[word + 1] = 0;
          continue;
        }
        value = arg;
      } else if (typeof arg === 'bigint') {
        u32[word] = Number(arg & 0xffffffffn);
        u32[word + 1] = Number((arg >> 32n) & 0xffffffffn);
        continue;
      } else if (arg instanceof Ref) {
        if (arg.index >= 0) {
          kinds |= L.ARG_RESULT << (2 * i);
          value = arg.index;
        } else value = arg.value;
      } else if (arg instanceof Out) value = this.#live(arg).address;
      else if (arg instanceof Load) {
        if (arg.of) this.#live(arg.of);
        kinds |= arg.kind << (2 * i);
        value = arg.address;
      } else value = this.#copy(arg);
      u32[word] = value >>> 0;
      u32[word + 1] = Math.floor(value / WORD) >>> 0;
    }
    u32[at] = NUMBERS.get(name)!;
    u32[at + 1] = kinds;
    const ref = new Ref(this.#count++, name, args, this.#doing, ctl !== 0);
    this.#refs.push(ref);
    return ref;
  }

  /** An Out belongs to one piece: later its bytes in the arena are others'. */
  #live(out: Out): Out {
    if (out.done) throw new TypeError('a buffer of an earlier piece of the batch: reserve() what belongs together');
    return out;
  }

  #copy(arg: string | Uint8Array): number {
    const at = this.ring.orderArena + this.#orderArena;
    const bytes = this.ring.area.bytes;
    if (typeof arg === 'string') {
      let i = 0;
      for (let unit; i < arg.length && (unit = arg.charCodeAt(i)) < 0x80; i++) bytes[at + i] = unit;
      if (i < arg.length) i = encoder.encodeInto(arg, bytes.subarray(at)).written;
      bytes[at + i] = 0;
    } else bytes.set(arg, at);
    this.#orderArena += arenaNeed(arg);
    return this.ring.area.base + at;
  }

  /** Hands the collected calls to the puppet without waiting: `run()` waits and checks. */
  submit(): void {
    if (this.#submitted || this.#count === 0) return;
    this.ring.submit(this.#count);
    this.#submitted = true;
  }

  /** Runs what is collected. @throws RemoteError naming the first call that failed; TaskDied */
  run(): void {
    if (this.#count === 0) return;
    this.submit();
    this.#submitted = false;
    const refs = this.#refs;
    const outs = this.#outs;
    this.#count = 0;
    this.#orderArena = 0;
    this.#answerArena = 0;
    this.#refs = [];
    this.#outs = [];
    this.#run();
    const { area } = this.ring;
    let failed = this.ring.ran(refs.length);
    for (let i = 0; i < refs.length && i <= failed; i++) {
      const ref = refs[i]!;
      const value = this.ring.result(i);
      ref.resolve(value);
      // whatever the puppet says of the whole
      if (value < 0 && value >= -MAX_ERRNO && !ref.tried) failed = i;
    }
    if (outs.length > 0) {
      // one copy for all: a buffer of its own for each costs more than the calls
      const from = outs[0]!.address - area.base;
      const last = outs.at(-1)!;
      const arena = Buffer.from(area.buffer.slice(from, last.address - area.base + last.sizeBytes));
      for (const out of outs) out.resolve(arena, out.address - area.base - from);
    }
    if (failed < refs.length) {
      const { value, name, args, doing } = refs[failed]!;
      throw new RemoteError(this.#pid(), name, args.map(show), -value, doing);
    }
  }
}

function show(arg: Arg): string {
  if (arg === null) return 'NULL';
  if (typeof arg === 'string') return JSON.stringify(arg);
  if (arg instanceof Uint8Array) return `${arg.length} bytes`;
  if (arg instanceof Ref) return arg.done ? String(arg.value) : 'result';
  if (arg instanceof Out) return `${arg.sizeBytes} bytes`;
  if (arg instanceof Load) return 'loaded';
  if (typeof arg === 'bigint' || arg > 0xffff) return `0x${arg.toString(16)}`;
  return String(arg);
}
