import { addon } from '../native/addon.js';
import type { Area, RingShape } from './area.js';
import * as L from './generated/layout.js';

/** Pauses before a side goes to sleep: an awake pair exchanges a batch in 0.3 us, a sleeping one in 50 us. */
const SPINS = 2000;

/** One ring of an area: the operations, results and arena of one puppet (or one of its threads). */
export class Ring {
  readonly area: Area;
  /** Offset in the area, bytes. */
  readonly offset: number;
  readonly shape: RingShape;
  readonly opsOffset: number;
  readonly cureOffset: number;
  readonly arenaOffset: number;

  constructor(area: Area, offset: number, shape: RingShape) {
    this.area = area;
    this.offset = offset;
    this.shape = shape;
    this.cureOffset = offset + L.RING_HEADER_SIZE + L.PUPPET_STACK_SIZE;
    this.opsOffset = this.cureOffset + L.NR_CURE_OPS * L.OP_SIZE;
    this.arenaOffset = this.opsOffset + shape.nrOps * L.OP_SIZE;
    this.set(L.RING_SPIN, SPINS);
    this.set64(L.RING_DEATH_PTR, area.base + L.AREA_DEATH);
    this.set64(L.RING_OPS_PTR, area.base + this.opsOffset);
    this.set64(L.RING_CURE_PTR, area.base + this.cureOffset);
  }

  /** Address in the puppet. */
  get address(): number {
    return this.area.base + this.offset;
  }

  /** Top of the ring's stack, in the puppet. */
  get stackTop(): number {
    return this.address + L.RING_HEADER_SIZE + L.PUPPET_STACK_SIZE;
  }

  /** Bottom of the ring's stack, in the puppet. */
  get stackBase(): number {
    return this.address + L.RING_HEADER_SIZE;
  }

  get(field: number): number {
    return this.area.u32[(this.offset + field) >>> 2]!;
  }

  set(field: number, value: number): void {
    this.area.u32[(this.offset + field) >>> 2] = value;
  }

  set64(field: number, value: number): void {
    this.set(field, value >>> 0);
    this.set(field + 4, Math.floor(value / 2 ** 32));
  }

  submit(): void {
    addon().ringSubmit(this.area.buffer, this.offset);
  }

  /** True when the last command is done; waits up to `timeoutMs`. */
  wait(timeoutMs: number): boolean {
    return addon().ringWait(this.area.buffer, this.offset, SPINS, timeoutMs);
  }
}
