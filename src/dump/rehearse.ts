import { closeSync, existsSync, openSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import { CritError } from '../image/errors.js';
import { PAGE_SIZE } from '../image/vma-status.js';
import { errnoCode, errnoWords } from '../kernel/uapi/errno.js';
import { readFds } from '../kernel/proc/fd-links.js';
import { readMapRanges, readMaps } from '../kernel/proc/maps.js';
import { readAnonymousPages } from '../kernel/proc/scalar-files.js';
import { readStatus } from '../kernel/proc/status.js';
import { readChildren } from '../kernel/proc/tasks.js';
import { SIGKILL } from '../kernel/uapi/signal.js';
import { __WALL } from '../kernel/uapi/wait.js';
import { addon, nativeFile } from '../native/addon.js';
import { sys, sysRaw } from '../native/sys.js';
import { findGadgets } from '../arch/index.js';
import { executableMappings } from '../task/way-home.js';
import { readerOf } from '../task/remote-memory.js';
import { waitUntil } from '../task/wait.js';
import { lookAtBuildIds } from './files/build-ids.js';
import { DescriptorReader } from './files/descriptor-reader.js';
import { FdRanks } from './files/fd-ranks.js';
import { prepareStandIn } from './landlock.js';
import { borrowMapping } from './task.js';
import { prepareRoom } from './task-pages.js';
import { lookAtMappedFiles } from './vmas.js';

/** The last descriptor that the program opens. */
const READY_FD = 5;
/** It starts in a millisecond or two. */
const READY_MS = 200;

/**
 * Lets `perform` dump a process of crit's own first. JavaScript is compiled and optimised as it runs: what is run for
 * the first time takes ten times as long, and that time must not fall into the stop of the real tree.
 */
export function rehearse(perform: (pid: number) => void): void {
  // Otherwise only what has run some ten times begins to remember the shapes of the objects that it meets.
  addon().setV8Flag('--no-lazy-feedback-allocation');
  const nothing = openSync('/dev/null', 'r+');
  const program = openSync(nativeFile('puppet/rehearsal'), 'r');
  const self = sys('pidfd_open', process.pid, 0);
  try {
    const pid = addon().spawnStub(program, self, Int32Array.of(nothing, nothing, nothing), new Int32Array(), 0);
    if (pid < 0) throw new CritError(`no process to rehearse on: ${errnoWords(-pid)}`, { code: errnoCode(-pid) });
    try {
      if (!waitUntil(() => existsSync(`/proc/${pid}/fd/${READY_FD}`), READY_MS, 0.1))
        throw new CritError(`the process to rehearse on (pid ${pid}) does not start`, { code: 'TIMEOUT' });
      perform(pid);
    } finally {
      sysRaw('kill', pid, SIGKILL);
      sysRaw('wait4', pid, null, __WALL, null);
    }
  } finally {
    closeSync(nothing);
    closeSync(program);
    closeSync(self);
  }
}

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

/**
 * What can be looked up while the tree still runs: the instructions that borrowing needs, once a library, what tells
 * its build, and the order of many descriptors.
 */
export function lookAhead(pid: number, buildIds: boolean): FdRanks {
  const ranks = new FdRanks();
  let anonymousPages = 0;
  let warmed = false;
  const visit = (at: number, depth: number) => {
    try {
      anonymousPages += readAnonymousPages(at);
      prepareStandIn(readStatus(at));
      const maps = readMapRanges(at);
      // What reads thousands of them is worth being compiled.
      if (maps.length >= MANY_MAPPINGS && !warmed) warmed = readMaps(at).length > 0;
      findGadgets(executableMappings(maps.map(borrowMapping)), readerOf(at));
      lookAtMappedFiles(at, maps);
      if (buildIds) lookAtBuildIds(at, maps);
      const fds = readFds(at);
      if (fds.length >= SOME_FDS) {
        using reader = new DescriptorReader(at);
        ranks.add(reader, fds);
        if (fds.length >= MANY_FDS) for (const { target } of reader.look(fds.slice(0, MANY_FDS), undefined)) target();
      }
      if (depth < 64) for (const child of readChildren(at)) visit(child, depth + 1);
    } catch {
      // it ended, or will be refused when it is stopped
    }
  };
  visit(pid, 0);
  try {
    ranks.compare();
  } catch {
    // a descriptor was closed: the stop takes longer
  }
  prepareRoom((anonymousPages + SPARE_PAGES) * PAGE_SIZE);
  tidyUp();
  return ranks;
}
