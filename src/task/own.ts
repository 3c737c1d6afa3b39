import { closeSync } from 'node:fs';
import { addon } from '../native/addon.js';
import { cString, sys } from '../native/sys.js';
import { Area, areaBytes, type RingShape } from './area.js';
import { Batch } from './batch.js';
import * as L from './generated/layout.js';
import { Ring } from './ring.js';

const MFD_CLOEXEC = 1;
/** Wide enough that 300 descriptors or 100 threads are looked at in one piece. */
const SHAPE: RingShape = { nrOps: 4096, arenaBytes: 1 << 20 };

/** A ring that crit works off itself when it is submitted. */
class OwnRing extends Ring {
  override submit(): void {
    addon().ringRun(this.area.buffer, this.offset);
  }
  override wait(): boolean {
    return true;
  }
}

let batch: Batch | undefined;

/**
 * The batch of crit's own system calls: for thousands of small questions to the kernel, each of which would take a
 * multiple of its time if JavaScript asked it. Same rules as a puppet's batch; used for one purpose at a time.
 */
export function ownBatch(): Batch {
  if (!batch) {
    const size = areaBytes([SHAPE]);
    const fd = sys('memfd_create', cString('crit-own'), MFD_CLOEXEC);
    try {
      sys('ftruncate', fd, size);
      const ring = new OwnRing(new Area(fd, undefined, size), L.AREA_RINGS, SHAPE);
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
