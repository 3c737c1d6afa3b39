import { readFileSync } from 'node:fs';
import { FUTEX_OWNER_DIED, FUTEX_WAKE } from '../kernel/uapi/futex.js';
import { addon, nativeFile } from '../native/addon.js';
import { SysError, sysRaw } from '../native/sys.js';
import * as L from './generated/layout.js';
import { answerBytes, orderBytes, Ring, type RingShape } from './ring.js';

export { answerBytes, NARROW, orderBytes, SLIM, WIDE, type RingShape } from './ring.js';

const roundUp = (n: number, to: number) => Math.ceil(n / to) * to;

let blob: Buffer | undefined;

const INT_MAX = 0x7fffffff;
const PAGE = 4096;

/** What an area needs of both parts, bytes, in whole pages. */
export interface AreaSize {
  readonly orders: number;
  readonly answers: number;
}

/** Size of an area that holds rings of these shapes. */
export function areaSize(shapes: readonly RingShape[]): AreaSize {
  return {
    orders: roundUp(
      shapes.reduce((sum, shape) => sum + orderBytes(shape), L.AREA_RINGS),
      PAGE,
    ),
    answers: shapes.reduce((sum, shape) => sum + answerBytes(shape), 0),
  };
}

/**
 * A control area (native/puppet/layout.h): memory shared between crit and one or more puppets, which see it at `base`.
 * Its orders (the blob, the death word, operations) only crit writes; its answers are a task's memory: nothing that
 * stands there is followed, and each word is read once.
 */
export class Area implements Disposable {
  readonly buffer: ArrayBuffer;
  /** Address in the puppets. */
  readonly base: number;
  readonly size: AreaSize;
  readonly u32: Uint32Array;
  readonly bytes: Uint8Array;
  #orders = L.AREA_RINGS;
  #answers: number;
  #held = false;

  /**
   * Maps one file that holds both parts (a memfd, or a map_files link of a puppet), or one for each, and writes the blob.
   * Without a base, the area is for crit's own use where it is mapped, and has no death word.
   */
  constructor(files: readonly [fd: number, answersFd?: number], base: number | undefined, size: AreaSize) {
    const [fd, answersFd] = files;
    const buffer =
      answersFd === undefined
        ? addon().mapShared(fd, size.orders + size.answers)
        : addon().mapShared(fd, size.orders, answersFd, size.answers);
    if (typeof buffer === 'number') throw new SysError('mmap', -buffer, 'the control area');
    this.buffer = buffer;
    this.base = base ?? Number(addon().addressOf(buffer));
    this.size = size;
    this.#answers = size.orders;
    this.u32 = new Uint32Array(buffer);
    this.bytes = new Uint8Array(buffer);
    if (base === undefined) return;
    blob ??= readFileSync(nativeFile('puppet/puppet.bin'));
    this.bytes.set(blob, 0);
    const held = addon().holdDeathWord(buffer);
    if (held < 0) throw new SysError('futex', -held, 'the death word');
    this.#held = true;
  }

  /** Bytes of both parts. */
  get sizeBytes(): number {
    return this.size.orders + this.size.answers;
  }

  /** Where the answers begin, in the puppets. */
  get answersAddress(): number {
    return this.base + this.size.orders;
  }

  /** The blob's first instruction, in the puppets. */
  get entry(): number {
    return this.base;
  }

  /** The blob's other way in: a system call first (native/puppet/arch/x86_64/entry.S). */
  get entryWithCall(): number {
    return this.base + 16;
  }

  /** Carves a ring out of what is left of the area. */
  ring(shape: RingShape): Ring {
    const [orders, answers] = [this.#orders, this.#answers];
    if (orders + orderBytes(shape) > this.size.orders || answers + answerBytes(shape) > this.sizeBytes)
      throw new RangeError('the control area is full');
    this.#orders += orderBytes(shape);
    this.#answers += answerBytes(shape);
    return new Ring(this, orders, answers, shape);
  }

  /** From now on a task that sees crit die goes on by itself (native/puppet/layout.h, DEATH_ASK). One store. */
  go(): void {
    Atomics.store(this.u32, L.AREA_GO >>> 2, 1);
  }

  /** Says that crit is dead, as the kernel would: the puppets do what they are to do then. */
  die(): void {
    Atomics.store(this.u32, L.AREA_DEATH >>> 2, FUTEX_OWNER_DIED);
    sysRaw('futex', addon().addressOf(this.buffer) + BigInt(L.AREA_DEATH), FUTEX_WAKE, INT_MAX, null, null, 0);
  }

  /** Gives the area up: a puppet that should still be there (a copy that crit does not know of) leaves or ends. */
  [Symbol.dispose](): void {
    if (!this.#held) return;
    this.#held = false;
    this.die();
    addon().dropDeathWord(this.buffer);
  }
}
