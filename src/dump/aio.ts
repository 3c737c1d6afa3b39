import { CritError } from '../image/errors.js';
import type { AioRingEntry } from '../image/generated/messages.js';
import { PAGE_SIZE } from '../image/vma-status.js';
import type { MapEntry } from '../kernel/proc/maps.js';
import { AIO_RING_HEAD_BYTES, aioRingOf, IO_EVENT_BYTES, type AioRing } from '../kernel/uapi/aio.js';
import type { Pid } from '../image/pid.js';
import type { Batch } from '../task/batch.js';
import { readMemory } from '../task/remote-memory.js';
import type { DumpContext, DumpTask } from './context.js';
import type { Resource } from './resource.js';

/** Whether a mapping is the ring of an AIO context (io_setup(2)). */
export const isAioRing = ({ path }: MapEntry): boolean => path.startsWith('/[aio]');

/**
 * The kernel takes twice as many events as were asked for, and two more, and fills the last page (fs/aio.c). Of all
 * numbers that give a ring of this size the least one: whatever was asked for, it counts no more in fs.aio-nr.
 */
function fewestRequests(sizeBytes: number): number {
  const inLess = Math.floor((sizeBytes - PAGE_SIZE - AIO_RING_HEAD_BYTES) / IO_EVENT_BYTES);
  return Math.max(1, Math.floor(inLess / 2));
}

interface Seen {
  readonly pid: Pid;
  readonly map: MapEntry;
  readonly ring: AioRing;
}

/**
 * Contexts of io_setup(2): their rings are dumped as memory. Of requests that wait (IOCB_CMD_POLL, say) the kernel tells
 * nothing; those that end while the process stands are noticed.
 */
export class AioRings implements Resource {
  readonly name = 'AIO contexts';
  readonly #ctx: DumpContext;
  readonly #seen: Seen[] = [];

  constructor(ctx: DumpContext) {
    this.#ctx = ctx;
  }

  look({ pid, maps }: DumpTask): void {
    for (const map of maps) {
      if (!isAioRing(map)) continue;
      const ring = ringAt(pid, map);
      if (ring) this.#seen.push({ pid, map, ring });
      else
        this.#ctx.refuse(refusal(pid, map, 'a part of the ring of an AIO context, or a broken one, is not supported'));
    }
  }

  /** A child has a ring of its parent's mapped, which is no context of its own. 1 operation each. */
  ask(task: DumpTask, b: Batch): (() => void) | undefined {
    const mine = this.#seen.filter(({ pid }) => pid === task.pid);
    if (mine.length === 0) return undefined;
    const asked = mine.map(({ map }) => b.tryCall('io_submit', map.start, 0, null));
    return () => {
      for (const [i, { map }] of mine.entries())
        if (asked[i]!.value < 0)
          throw refusal(
            task.pid,
            map,
            'the ring of an AIO context that belongs to another process is not supported yet',
          );
      this.#ctx.log.warn(
        `process ${task.pid} has ${mine.length === 1 ? 'an AIO context' : `${mine.length} AIO contexts`} (io_setup): requests that wait are lost in the images, the kernel does not tell of them; events that nobody has taken yet are dumped`,
      );
    };
  }

  /** mm_entry.aios: in the order in which CRIU's restore has to make them, so that each gets its place. */
  entriesOf(pid: Pid): AioRingEntry[] {
    return this.#seen
      .filter((seen) => seen.pid === pid)
      .sort((a, b) => a.ring.id - b.ring.id)
      .map(({ map: { start, end } }) => {
        const ring_len = Number(end - start);
        return { id: start, nr_req: fewestRequests(ring_len), ring_len };
      });
  }

  /** To come when the pages are copied. */
  readonly idle: Resource = {
    name: 'idle AIO contexts',
    last: () => {
      for (const { pid, map, ring } of this.#seen)
        if (ringAt(pid, map)?.tail !== ring.tail)
          throw refusal(pid, map, 'requests of an AIO context have ended during the dump: dump again when it is idle');
    },
  };
}

function ringAt(pid: Pid, { start, end }: MapEntry): AioRing | undefined {
  try {
    return aioRingOf(readMemory(pid, start, AIO_RING_HEAD_BYTES), Number(end - start));
  } catch {
    return undefined; // it may not be read (PROT_NONE)
  }
}

const refusal = (pid: Pid, { start, end }: MapEntry, why: string) =>
  new CritError(`process ${pid}, mapping ${start.toString(16)}-${end.toString(16)}: ${why}`, { code: 'UNSUPPORTED' });
