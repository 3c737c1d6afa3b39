import { RLIMITS } from '../kernel/uapi/resource.js';
import { TASK_SIZE } from '../arch/index.js';
import { clip } from '../pages/runs.js';
import { restoreAio } from './aio.js';
import type { Cgroups } from './cgroups.js';
import type { Clocks } from './clocks.js';
import { attributes } from './core.js';
import { fillMemory, readPages } from './fill-memory.js';
import type { RestoreFiles } from './files/restore-files.js';
import { adaptMemory, buildMemory, finishMemory, setMm } from './memory.js';
import type { KeyringJoiner } from './keyrings.js';
import { ownAnswers } from './own-answers.js';
import type { IpcNamespace } from './ipc-namespace.js';
import type { Part } from './part.js';
import { restoreDumpable } from './process-settings.js';
import type { ShmSegments } from './shm-segments.js';
import type { Seccomp } from './seccomp.js';
import type { SharedMemory } from './shared-memory.js';
import { defaultSigactions } from './sigactions.js';
import type { TreePages } from './tree-pages.js';

/** What of a plan has parts of its own. */
interface Restored {
  readonly cgroups: Cgroups | undefined;
  readonly clocks: Clocks;
  readonly files: RestoreFiles;
  readonly pages: TreePages;
  readonly seccomp: Seccomp;
  readonly shared: SharedMemory;
  readonly ipc: IpcNamespace;
  readonly uts: Part;
  readonly keyrings: KeyringJoiner;
  readonly segments: ShmSegments;
}

/** Everything that is restored. At each stage the parts act in this order. */
export const partsOf = (plan: Restored): readonly Part[] => [
  ownAnswers,
  ...(plan.cgroups ? [plan.cgroups.part()] : []),
  plan.clocks.part(),
  plan.ipc.part(),
  plan.uts,
  plan.keyrings.part(),
  freshRoot,
  plan.files.locks,
  plan.files.tables(),
  memory(plan.pages),
  ...plan.files.parts,
  plan.shared.part(),
  plan.segments.part(),
  plan.files.contexts(),
  attributes(plan.seccomp, plan.keyrings),
  dumpable,
];

/** What all processes of the tree begin with, for the time of the restore: room for descriptors, no umask, no handlers. */
const freshRoot: Part = {
  name: 'limits and handlers to begin with',
  at: {
    root: ({ b }) => {
      // The hard limit is what crit itself has; the dumped one is set at the end.
      const limit = b.out(16);
      b.call('prlimit64', 0, RLIMITS.RLIMIT_NOFILE, null, limit);
      b.call('copy', limit, limit.address + 8, 8);
      b.call('prlimit64', 0, RLIMITS.RLIMIT_NOFILE, limit, null);
      b.call('umask', 0);
      defaultSigactions(b);
      b.run();
    },
  },
};

/** Mappings and their pages. */
const memory = (pages: TreePages): Part => ({
  name: 'memory',
  at: {
    // before any file of the tree is opened: the stub's own mappings go, so does its executable
    root: ({ task, b }) => {
      pages.open(b);
      const { base, sizeBytes } = task.puppet!.ring.area;
      b.call('munmap', 0, base);
      b.call('munmap', base + sizeBytes, TASK_SIZE - base - sizeBytes);
    },
    birth: ({ task, b, from, assist, filled }) => {
      const image = task.memory!;
      const { area } = task.puppet!.ring;
      const pending = from ? adaptMemory(b, area, from.memory!, image) : buildMemory(b, area, image);
      fillMemory(task.puppet!, (id) => pages.fdOf(id), pending, assist, filled);
    },
    table: ({ task, b }) => {
      const { aioContexts, runs } = task.memory!;
      restoreAio(b, aioContexts, task.cores[0]?.thread_core?.cpu_affinity, ({ start, sizeBytes }, to) => {
        const moved = clip(runs, start, start + sizeBytes).map((run) => ({
          ...run,
          start: run.start - start + to,
          end: run.end - start + to,
        }));
        readPages(b, (id) => pages.fdOf(id), moved);
      });
      setMm(b, task.memory!.mm, task.memory!.exeFd);
      finishMemory(b, task.memory!);
    },
  },
});

/** Last: what may look into the task from now on finds nothing of crit's but its own answers and its own way home. */
const dumpable: Part = {
  name: 'dumpable',
  at: {
    leader: ({ task, b }) => {
      restoreDumpable(b, task.memory?.mm.dumpable);
    },
  },
};
