import type { Overview, Part } from '../inspect/overview/overview.js';
import * as text from './inspect-text.js';

/** An option of `crit inspect` that shows one part. */
export interface PartOption {
  readonly name: string;
  readonly describe: string;
  readonly needs: readonly Part[];
  readonly sections: (overview: Overview) => text.Section[];
  /** Not in an overview of everything: it is long. */
  readonly onlyAsked?: boolean;
}

/** In the order in which they are printed. */
export const PART_OPTIONS: readonly PartOption[] = [
  {
    name: 'summary',
    describe: 'what the set is: engine, time, size, container',
    needs: ['identity', 'container', 'stats'],
    sections: text.summary,
  },
  {
    name: 'ps-tree',
    describe: 'the process tree with command lines and states',
    needs: ['cmdline'],
    sections: text.tree,
  },
  { name: 'cmdline', describe: 'arguments one by one', needs: ['cmdline'], sections: text.cmdline, onlyAsked: true },
  { name: 'env', describe: 'environment variables', needs: ['env'], sections: text.env, onlyAsked: true },
  { name: 'auxv', describe: 'the auxiliary vector', needs: ['auxv'], sections: text.auxv, onlyAsked: true },
  { name: 'threads', describe: 'threads: names, scheduling, registers', needs: ['threads'], sections: text.threads },
  {
    name: 'memory',
    describe: 'memory by kind, and how much of it is in the images',
    needs: ['memory'],
    sections: text.memory,
  },
  { name: 'mappings', describe: 'every mapping', needs: ['mappings'], sections: text.mappings, onlyAsked: true },
  { name: 'files', describe: 'descriptors, executable and directories', needs: ['files'], sections: text.files },
  {
    name: 'sockets',
    describe: 'sockets with states, addresses and queues',
    needs: ['sockets'],
    sections: text.sockets,
  },
  { name: 'terminals', describe: 'terminals', needs: ['terminals'], sections: text.terminals },
  { name: 'mounts', describe: 'mounts, where mount namespaces were dumped', needs: ['mounts'], sections: text.mounts },
  { name: 'namespaces', describe: 'namespaces and who is in them', needs: ['namespaces'], sections: text.namespaces },
  { name: 'cgroups', describe: 'control groups', needs: ['cgroups'], sections: text.cgroups },
  { name: 'creds', describe: 'users, groups, capabilities', needs: ['creds'], sections: text.creds },
  { name: 'limits', describe: 'resource limits', needs: ['limits'], sections: text.limits },
  {
    name: 'signals',
    describe: 'signals: ignored, caught, blocked, pending',
    needs: ['signals'],
    sections: text.signals,
  },
  {
    name: 'timers',
    describe: 'timers of setitimer, timer_create and timerfd_create',
    needs: ['timers'],
    sections: text.timers,
  },
  {
    name: 'stats',
    describe: 'how the dump went',
    needs: ['stats'],
    sections: ({ stats }) => text.statsLines(stats),
    onlyAsked: true,
  },
];
