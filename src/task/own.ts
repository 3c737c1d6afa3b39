import { closeSync } from 'node:fs';
import { MFD_CLOEXEC } from '../kernel/uapi/mman.js';
import { addon } from '../native/addon.js';
import { cString, sys, SysError } from '../native/sys.js';
import { Area, areaSize, type RingShape } from './area.js';
import { Batch } from './batch.js';
import * as L from './generated/layout.js';
import { Ring } from './ring.js';

/** Wide enough that 100 descriptors are looked at in one piece. */
const SHAPE: RingShape = { nrOps: 1024, arenaBytes: 128 << 10 };

/** A ring that crit works off itself when it is submitted. */
class OwnRing extends Ring {
  #ran = 0;
  /** Set while what is submitted is to be finished even when crit is killed. */
  apart = false;
  override submit(count: number): void {
    if (this.apart) {
      this.#ran = addon().runOpsApart(this.area.buffer, this.opsOffset, this.resultsOffset, count);
      if (this.#ran < 0) throw new SysError('clone', -this.#ran);
      return;
    }
    this.#ran = addon().runOps(this.area.buffer, this.opsOffset, this.resultsOffset, count);
  }
  override ran(): number {
    return this.#ran;
  }
}

let batch: Batch | undefined;
let ring: OwnRing | undefined;

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
      ring = new OwnRing(area, L.AREA_RINGS, size.orders, SHAPE);
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

/**
 * Calls that belong together even if crit is killed while they are made: a process of its own makes them, which shares
 * crit's memory and descriptors. They must not wait. 0.2 ms.
 */
export function runApart(add: (b: Batch) => void): void {
  const b = ownBatch();
  b.run();
  ring!.apart = true;
  try {
    add(b);
    b.run();
  } finally {
    ring!.apart = false;
  }
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
