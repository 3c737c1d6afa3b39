import { SYSCALLS, type SyscallName } from '../arch/index.js';
import { CritError } from '../image/errors.js';
import { Load } from './batch.js';
import type { PlainCall } from './borrowed-thread.js';
import * as L from './generated/layout.js';
import type { Puppet } from './puppet.js';

/** What stands in the place of a cure that is not needed any more calls. */
const NOTHING = SYSCALLS.getpid;

/** The int at this offset of the cure's own words, as it is when the call is made. */
export class OwnInt {
  readonly offset: number;
  constructor(offset: number) {
    this.offset = offset;
  }
}

/** Of an array the address is passed; it is copied to where the task can only read, and has at most 8 bytes. */
export type CureArg = number | Load | OwnInt | Int32Array;

/** A call that a process makes should crit die; nobody makes it any more when this is disposed of. */
export class Cure implements Disposable {
  readonly name: SyscallName;
  readonly args: readonly (number | Load)[];
  /** For what the kernel tells: 32 bytes of the answers, all ones at first. The task can write them. */
  readonly words: DataView;
  /** Where they are in the process. */
  readonly address: number;
  readonly #drop: () => void;

  constructor(name: SyscallName, args: readonly (number | Load)[], words: DataView, address: number, drop: () => void) {
    this.name = name;
    this.args = args;
    this.words = words;
    this.address = address;
    this.#drop = drop;
  }

  /** An int of its words, for other cures. */
  int(offset: number): Load {
    return new Load(this.address + offset, L.ARG_LOAD32);
  }

  [Symbol.dispose](): void {
    this.#drop();
  }
}

/**
 * What a puppet does before it leaves because crit died: the last cure that was made first. crit may be killed between any two
 * stores, so that one store (of the count, of the operation's number) makes or ends a cure.
 *
 * Memory is reserved in the puppet's ring, and touched only by cures that are made.
 */
export class Cures {
  readonly #puppet: Puppet;
  /** Those that have ended are gone at the end of the list, and undefined between others. */
  readonly #made: (Cure | undefined)[] = [];

  constructor(puppet: Puppet) {
    this.#puppet = puppet;
  }

  make(name: SyscallName, given: readonly CureArg[]): Cure {
    const { ring, tid } = this.#puppet;
    const { area } = ring;
    const index = this.#made.length;
    if (index === (ring.shape.nrCures ?? 0))
      throw new CritError(`task ${tid}: more than ${index} cures at a time`, { code: 'UNSUPPORTED' });
    const at = ring.curesOffset + index * L.CURE_SIZE;
    const wordsAt = ring.cureWordsOffset + index * L.CURE_WORDS_SIZE;
    const words = new DataView(area.buffer, wordsAt, L.CURE_WORDS_SIZE);
    area.bytes.fill(0xff, wordsAt, wordsAt + L.CURE_WORDS_SIZE);
    const args = given.map((arg) => {
      if (arg instanceof OwnInt) return new Load(area.base + wordsAt + arg.offset, L.ARG_LOAD32);
      if (!(arg instanceof Int32Array)) return arg;
      if (arg.byteLength > L.CURE_SIZE - L.CURE_BYTES) throw new RangeError(`${arg.byteLength} bytes for a cure`);
      area.bytes.set(new Uint8Array(arg.buffer, arg.byteOffset, arg.byteLength), at + L.CURE_BYTES);
      return area.base + at + L.CURE_BYTES;
    });
    let kinds = 0;
    args.forEach((arg, i) => {
      const value = typeof arg === 'number' ? arg : arg.address;
      if (typeof arg !== 'number') kinds |= arg.kind << (2 * i);
      const word = (at + L.OP_ARGS + 8 * i) >>> 2;
      area.u32[word] = value >>> 0;
      area.u32[word + 1] = Math.floor(value / 2 ** 32);
    });
    area.u32[(at + L.OP_CTL) >>> 2] = kinds;
    area.u32[(at + L.OP_NR) >>> 2] = SYSCALLS[name];
    const cure = new Cure(name, args, words, area.base + wordsAt, () => this.#drop(index, cure));
    this.#made.push(cure);
    this.#count();
    return cure;
  }

  /** A puppet that does not answer keeps them: nobody knows what it has done last. */
  #drop(index: number, cure: Cure): void {
    if (this.#made[index] !== cure || this.#puppet.lost) return;
    const { area, curesOffset } = this.#puppet.ring;
    this.#made[index] = undefined;
    Atomics.store(area.u32, (curesOffset + index * L.CURE_SIZE + L.OP_NR) >>> 2, NOTHING);
    while (this.#made.length > 0 && !this.#made.at(-1)) this.#made.pop();
    this.#count();
  }

  #count(): void {
    const { area, orders } = this.#puppet.ring;
    Atomics.store(area.u32, (orders + L.RING_NR_CURES) >>> 2, this.#made.length);
  }

  /** The calls, in the order in which the puppet would make them. Loads are made now. */
  calls(): PlainCall[] {
    const { area } = this.#puppet.ring;
    const memory = new DataView(area.buffer);
    return this.#made
      .filter((cure) => cure !== undefined)
      .reverse()
      .map(({ name, args }) => [
        name,
        ...args.map((arg) => (typeof arg === 'number' ? arg : memory.getInt32(arg.address - area.base, true))),
      ]);
  }
}
