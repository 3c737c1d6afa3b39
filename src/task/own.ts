import { closeSync } from 'node:fs';
import { MFD_CLOEXEC } from '../kernel/uapi/mman.js';
import { addon } from '../native/addon.js';
import { cString, sys } from '../native/sys.js';
import { Area, areaSize, type RingShape } from './area.js';
import { Batch } from './batch.js';
import * as L from './generated/layout.js';
import { Ring } from './ring.js';

/** Wide enough that 100 descriptors are looked at in one piece. */
const SHAPE: RingShape = { nrOps: 1024, arenaBytes: 128 << 10 };

/** A ring that crit works off itself when it is submitted. */
class OwnRing extends Ring {
  #ran = 0;
  override submit(count: number): void {
    this.#ran = addon().runOps(this.area.buffer, this.opsOffset, this.resultsOffset, count);
  }
  override ran(): number {
    return this.#ran;
  }
}

let batch: Batch | undefined;

/**
 * The batch of crit's own system calls: for many small questions to the kernel, each of which would take a multiple of
 * its time if JavaScript asked it. Same rules as a puppet's batch; used for one purpose at a time. Calls that belong to
 * crit's main thread (ptrace) may be in it. (Threads that worked it off meanwhile were slower on two processors: they
 * take one from V8's compiler.)
 */
export function ownBatch(): Batch {
  if (!batch) {
    const size = areaSize([SHAPE]);
    const fd = sys('memfd_create', cString('crit-own'), MFD_CLOEXEC);
    try {
      sys('ftruncate', fd, size.orders + size.answers);
      const area = new Area([fd], undefined, size);
      const ring = new OwnRing(area, L.AREA_RINGS, size.orders, SHAPE);
      batch = new Batch(
        ring,
        () => process.pid,
        () => undefined,
      );
    } finally {
      closeSync(fd);
    }
  }
  return batch;
}

/** Things asked about in one piece: enough for the calls to be cheap, few enough for their answers to stay in cache. */
const PART = 64;

/**
 * Asks about many things of one kind.
 * @param ask adds the questions about one thing
 * @returns the answers in order
 */
export function* askAll<Thing, Answer>(
  things: readonly Thing[],
  ask: (b: Batch, thing: Thing) => () => Answer,
): Generator<Answer> {
  const b = ownBatch();
  for (let at = 0; at < things.length; at += PART) {
    const answers = things.slice(at, at + PART).map((thing) => ask(b, thing));
    b.run();
    for (const answer of answers) yield answer();
  }
}
