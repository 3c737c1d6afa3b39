import type { Birth, BirthPlan } from '../image/process-tree.js';
import { areaSize, NARROW, WIDE, type Area, type AreaSize, type RingShape } from '../task/area.js';
import type { Ring } from '../task/ring.js';

/** Whose ring: that of a birth, of a thread by its tid, of a helper that holds a process group, or the spare one. */
type Whose = object | number;

/** The ring of a process in between, and later of the second thread that fills pages. */
export const SPARE = {};

/** Counts the rings of a restore, and hands each out. */
export class Rings {
  readonly #shapes = new Map<Whose, RingShape>([[SPARE, WIDE]]);
  readonly #rings = new Map<Whose, Ring>();

  /** @param threads all threads but the leaders, and the bytes that each needs at least */
  constructor(births: BirthPlan, threads: readonly { readonly tid: number; readonly bytes: number }[]) {
    for (const birth of births.order) this.#shapes.set(birth, isWide(birth) ? WIDE : NARROW);
    for (const { tid, bytes } of threads)
      this.#shapes.set(tid, { ...NARROW, arenaBytes: Math.max(NARROW.arenaBytes, roundUp(bytes)) });
    for (const helper of births.groupHelpers) this.#shapes.set(helper, NARROW);
  }

  /** What they need of an area. */
  size(): AreaSize {
    return areaSize([...this.#shapes.values()]);
  }

  carve(area: Area): void {
    for (const [whose, shape] of this.#shapes) this.#rings.set(whose, area.ring(shape));
  }

  of(whose: Whose): Ring {
    return this.#rings.get(whose)!;
  }
}

const roundUp = (bytes: number) => Math.ceil(bytes / 64) * 64;

const isWide = (birth: Birth) => !birth.helper && !birth.task.zombie;
