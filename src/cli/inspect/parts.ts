import type { Overview, Part } from '../../inspect/overview/overview.js';
import { creds, limits } from './credentials.js';
import { files, sockets, terminals } from './files.js';
import { mappings, memory } from './memory.js';
import { auxv, cmdline, env, tree } from './processes.js';
import { signals } from './signals.js';
import { statsLines, summary } from './summary.js';
import { cgroups, mounts, namespaces } from './system.js';
import { threads, timers } from './threads.js';
import type { Section } from './section.js';

/** An option of `crit inspect` that shows one part. */
export interface PartOption {
  readonly name: string;
  readonly describe: string;
  readonly needs: readonly Part[];
  readonly sections: (overview: Overview) => Section[];
  /** Not in an overview of everything: it is long. */
  readonly onlyAsked?: boolean;
}

/** In the order in which they are printed. */
export const PART_OPTIONS: readonly PartOption[] = [
  {
    name: 'summary',
    describe: 'what the set is: engine, time, size, container',
    needs: ['identity', 'container', 'stats'],
    sections: summary,
  },
  {
    name: 'ps-tree',
    describe: 'the process tree with command lines and states',
    needs: ['cmdline'],
    sections: tree,
  },
  { name: 'cmdline', describe: 'arguments one by one', needs: ['cmdline'], sections: cmdline, onlyAsked: true },
  { name: 'env', describe: 'environment variables', needs: ['env'], sections: env, onlyAsked: true },
  { name: 'auxv', describe: 'the auxiliary vector', needs: ['auxv'], sections: auxv, onlyAsked: true },
  { name: 'threads', describe: 'threads: names, scheduling, registers', needs: ['threads'], sections: threads },
  {
    name: 'memory',
    describe: 'memory by kind, and how much of it is in the images',
    needs: ['memory'],
    sections: memory,
  },
  { name: 'mappings', describe: 'every mapping', needs: ['mappings'], sections: mappings, onlyAsked: true },
  { name: 'files', describe: 'descriptors, executable and directories', needs: ['files'], sections: files },
  {
    name: 'sockets',
    describe: 'sockets with states, addresses and queues',
    needs: ['sockets'],
    sections: sockets,
  },
  { name: 'terminals', describe: 'terminals', needs: ['terminals'], sections: terminals },
  { name: 'mounts', describe: 'mounts, where mount namespaces were dumped', needs: ['mounts'], sections: mounts },
  { name: 'namespaces', describe: 'namespaces and who is in them', needs: ['namespaces'], sections: namespaces },
  { name: 'cgroups', describe: 'control groups', needs: ['cgroups'], sections: cgroups },
  { name: 'creds', describe: 'users, groups, capabilities', needs: ['creds'], sections: creds },
  { name: 'limits', describe: 'resource limits', needs: ['limits'], sections: limits },
  {
    name: 'signals',
    describe: 'signals: ignored, caught, blocked, pending',
    needs: ['signals'],
    sections: signals,
  },
  {
    name: 'timers',
    describe: 'timers of setitimer, timer_create and timerfd_create',
    needs: ['timers'],
    sections: timers,
  },
  {
    name: 'stats',
    describe: 'how the dump went',
    needs: ['stats'],
    sections: ({ stats }) => statsLines(stats),
    onlyAsked: true,
  },
];
