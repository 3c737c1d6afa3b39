import { runInNewContext } from 'node:vm';
import { findGadgets } from '../arch/index.js';
import { PAGE_SIZE } from '../image/vma-status.js';
import { readFds } from '../kernel/proc/fd-links.js';
import { readMapRanges, readMaps } from '../kernel/proc/maps.js';
import { readAnonymousPages } from '../kernel/proc/scalar-files.js';
import { readStatus } from '../kernel/proc/status.js';
import { readChildren } from '../kernel/proc/tasks.js';
import { addon } from '../native/addon.js';
import { executableMappings } from '../task/way-home.js';
import { readerOf } from '../task/remote-memory.js';
import type { DumpOptions } from './context.js';
import { BuildIds } from './files/build-ids.js';
import { DescriptorReader } from './files/descriptor-reader.js';
import { FdRanks } from './files/fd-ranks.js';
import { IO_URING_LINK } from './files/io-uring.js';
import { HeldRoom } from './held-room.js';
import { KernelMemory } from './kernel-memory.js';
import { StandIns } from './landlock.js';
import { OpenModes } from './open-modes.js';
import { borrowMapping } from './task.js';

/** Pages that a process may come to own until it is stopped. */
const SPARE_PAGES = 64;

/**
 * Collects V8's young garbage: what the stop allocates then goes where memory has been touched already, and the
 * collector (2 to 4 ms) does not fall into the stop of a small tree.
 */
function tidyUp(): void {
  try {
    addon().setV8Flag('--expose-gc');
    (runInNewContext('gc') as (options: { type: 'minor' }) => void)({ type: 'minor' });
    // V8 rejects a code cache that was made under other flags
    addon().setV8Flag('--no-expose-gc');
  } catch {
    // a V8 without it
  }
}

/** So many descriptors are worth the compiler's time before the stop. */
const MANY_FDS = 256;
/** So many mappings are worth it too. */
const MANY_MAPPINGS = 512;
/** So many descriptors are worth being compared before it. */
const SOME_FDS = 32;

/** What was found out, and made ready, while the tree still ran: the stop is shorter by it. */
export class LookedAhead implements Disposable {
  /** The order of many descriptors. */
  readonly fdRanks = new FdRanks();
  readonly openModes = new OpenModes();
  readonly buildIds = new BuildIds();
  readonly standIns = new StandIns();
  /** Room for pages. */
  room = new HeldRoom();

  #kernel: KernelMemory | string | undefined;

  /** The kernel's memory, or why it cannot be read. Its types take a while (100 ms). */
  kernel(): KernelMemory | string {
    return (this.#kernel ??= KernelMemory.open());
  }

  [Symbol.dispose](): void {
    this.standIns[Symbol.dispose]();
    if (typeof this.#kernel === 'object') this.#kernel[Symbol.dispose]();
  }
}

/**
 * Looks at a tree that runs: also at the instructions that borrowing needs, once a library, and what tells its build.
 * The caller disposes of what is returned.
 */
export function lookAhead({ pid: root, fileValidation }: DumpOptions): LookedAhead {
  const ahead = new LookedAhead();
  let anonymousPages = 0;
  let warmed = false;
  const visit = (pid: number, depth: number) => {
    try {
      anonymousPages += readAnonymousPages(pid);
      ahead.standIns.prepare(readStatus(pid));
      const maps = readMapRanges(pid);
      // What reads thousands of them is worth being compiled.
      if (maps.length >= MANY_MAPPINGS && !warmed) warmed = readMaps(pid).length > 0;
      findGadgets(executableMappings(maps.map(borrowMapping)), readerOf(pid));
      ahead.openModes.look(pid, maps);
      if (maps.some((map) => map.path === IO_URING_LINK)) ahead.kernel();
      if (fileValidation === 'buildid') ahead.buildIds.look(pid, maps);
      lookAtDescriptors(pid, ahead.fdRanks);
      if (depth < 64) for (const child of readChildren(pid)) visit(child, depth + 1);
    } catch {
      // it ended, or will be refused when it is stopped
    }
  };
  visit(root, 0);
  try {
    ahead.fdRanks.compare();
  } catch {
    // a descriptor was closed: the stop takes longer
  }
  ahead.room = new HeldRoom((anonymousPages + SPARE_PAGES) * PAGE_SIZE);
  tidyUp();
  return ahead;
}

function lookAtDescriptors(pid: number, ranks: FdRanks): void {
  const fds = readFds(pid);
  if (fds.length < SOME_FDS) return;
  using reader = new DescriptorReader(pid);
  ranks.add(reader, fds);
  if (fds.length >= MANY_FDS) for (const { target } of reader.look(fds.slice(0, MANY_FDS), undefined)) target();
}
