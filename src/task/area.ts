import { readFileSync } from 'node:fs';
import { addon, nativeFile } from '../native/addon.js';
import { SysError } from '../native/sys.js';
import * as L from './generated/layout.js';
import { Ring } from './ring.js';

let blob: Buffer | undefined;

/** Shape of a ring: how many operations and how many bytes of arena it holds. */
export interface RingShape {
  nrOps: number;
  arenaBytes: number;
}

/** For work on a whole process. */
export const WIDE: RingShape = { nrOps: 1008, arenaBytes: 192 * 1024 };
/** For a thread's own few questions. */
export const NARROW: RingShape = { nrOps: 64, arenaBytes: 16 * 1024 };
/** For what only a thread can tell of itself; there may be thousands. */
export const SLIM: RingShape = { nrOps: 16, arenaBytes: 2048 };

const roundUp = (n: number, to: number) => Math.ceil(n / to) * to;

/** Bytes that a ring of a shape takes in its area. */
export function ringBytes(shape: RingShape): number {
  return roundUp(
    L.RING_HEADER_SIZE + L.PUPPET_STACK_SIZE + (L.NR_CURE_OPS + shape.nrOps) * L.OP_SIZE + shape.arenaBytes,
    4096,
  );
}

/** Bytes of an area that holds rings of these shapes. */
export function areaBytes(shapes: readonly RingShape[]): number {
  return shapes.reduce((sum, shape) => sum + ringBytes(shape), L.AREA_RINGS);
}

/**
 * A control area (native/puppet/layout.h): memory shared between crit and one or more puppets, which see it at
 * `base`. Holds the blob, the death word and the rings.
 */
export class Area implements Disposable {
  readonly buffer: ArrayBuffer;
  /** Address in the puppets. */
  readonly base: number;
  readonly sizeBytes: number;
  readonly u32: Uint32Array;
  readonly bytes: Uint8Array;
  #used = L.AREA_RINGS;
  #held = false;

  /**
   * Maps `fd` (a memfd, or a map_files link of a puppet) and lays the area out. Without a base, the area is for crit's
   * own use where it is mapped.
   */
  constructor(fd: number, base: number | undefined, sizeBytes: number) {
    const buffer = addon().mapShared(fd, sizeBytes);
    if (typeof buffer === 'number') throw new SysError('mmap', -buffer, 'the control area');
    this.buffer = buffer;
    this.base = base ?? Number(addon().addressOf(buffer));
    this.sizeBytes = sizeBytes;
    this.u32 = new Uint32Array(buffer);
    this.bytes = new Uint8Array(buffer);
    blob ??= readFileSync(nativeFile('puppet/puppet.bin'));
    this.bytes.set(blob, 0);
    const held = addon().holdDeathWord(buffer, L.AREA_DEATH);
    if (held < 0) throw new SysError('futex', -held, 'the death word');
    this.#held = true;
  }

  /** Where the blob begins, in the puppets. */
  get entry(): number {
    return this.base;
  }

  /** Carves a ring out of what is left of the area. */
  ring(shape: RingShape): Ring {
    const offset = this.#used;
    if (offset + ringBytes(shape) > this.sizeBytes) throw new RangeError('the control area is full');
    this.#used += ringBytes(shape);
    return new Ring(this, offset, shape);
  }

  /** Lets go of the death word: puppets that are left no longer notice crit's death. */
  [Symbol.dispose](): void {
    if (!this.#held) return;
    this.#held = false;
    addon().dropDeathWord(this.buffer, L.AREA_DEATH);
  }
}
