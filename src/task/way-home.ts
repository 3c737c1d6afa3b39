import type { Pid } from '../image/pid.js';
import { type ExecMapping, type Gadgets, RESTORER_CODE, findGadgets } from '../arch/index.js';
import { CritError } from '../image/errors.js';
import type { Area } from './area.js';
import type { BorrowedThread, BorrowMapping } from './borrowed-thread.js';
import * as L from './generated/layout.js';
import { readerOf } from './remote-memory.js';
import type { Ring } from './ring.js';

const RESTORER_BYTES = 64;
/** What is free of them behind RESTORER_CODE, for the arguments of a call: an offset into the room for frames. */
export const SPARE_OFFSET = 16;

/** Where instructions can be looked for. */
export function executableMappings(mappings: readonly BorrowMapping[]): ExecMapping[] {
  return mappings
    .filter((m) => m.executable && m.name !== '[vsyscall]')
    .map((m) => ({ start: m.start, end: m.end, key: m.name === '[vdso]' ? m.name : m.key, vdso: m.name === '[vdso]' }));
}

/** Bytes of the orders that hold the frames of threads which have no room for them. */
export function framesBytes(threads: readonly BorrowedThread[]): number {
  return threads.reduce((sum, thread) => sum + thread.frameBytes, RESTORER_BYTES);
}

/** Code that leads a process home. */
export interface Way {
  readonly gadgets: Gadgets;
  /** Every thread has room for frames on its stack, and there is code that calls rt_sigreturn. */
  readonly roomy: boolean;
}

/** Finds what leads a process home. @throws CritError NO_GADGET */
export function findWayHome(pid: Pid, threads: readonly BorrowedThread[], mappings: readonly BorrowMapping[]): Way {
  const gadgets = findGadgets(executableMappings(mappings), readerOf(pid));
  if (!gadgets)
    throw new CritError(
      `task ${pid} has no usable system call instruction mapped (no vDSO, no libc): crit cannot take itself out of it`,
      { code: 'NO_GADGET' },
    );
  return { gadgets, roomy: gadgets.restorer !== undefined && threads.every((thread) => thread.hasRoom(mappings)) };
}

/** Where the threads of a process go when crit dies: through frames on their stacks, or in the area. */
export class WayHome implements Way {
  readonly threads: readonly BorrowedThread[];
  readonly gadgets: Gadgets;
  readonly roomy: boolean;
  readonly #area: Area;
  readonly #framesOffset: number;

  /** @param framesOffset of the room for frames in the area, where they are there */
  constructor(area: Area, threads: readonly BorrowedThread[], { gadgets, roomy }: Way, framesOffset: number) {
    this.#area = area;
    this.threads = threads;
    this.gadgets = gadgets;
    this.roomy = roomy;
    this.#framesOffset = framesOffset;
    if (!roomy) area.bytes.set(RESTORER_CODE, framesOffset);
  }

  /** Code that calls rt_sigreturn. */
  get restorer(): number {
    return this.roomy ? this.gadgets.restorer! : this.#area.base + this.#framesOffset;
  }

  /** A frame in the area for a thread that must not have one on its stack. */
  frameInArea(index: number): void {
    const top = this.#framesOffset + framesBytes(this.threads.slice(0, index + 1));
    const frame = this.threads[index]!.frameAt(this.#area.base + top, this.restorer);
    this.#area.bytes.set(frame.bytes, frame.address - this.#area.base);
  }

  /** Tells a puppet where it goes. */
  tell(ring: Ring, thread: BorrowedThread, onDeath: number): void {
    ring.set64(L.RING_LEAVE_SP, thread.home! + 8);
    ring.set64(L.RING_LEAVE_IP, this.restorer);
    ring.onDeath(onDeath);
  }
}
