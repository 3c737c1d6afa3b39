import type { TaskKobjIdsEntry } from './generated/messages.js';

interface Row {
  /** Where a task's ids-PID.img has the number of its namespace. */
  readonly field: keyof TaskKobjIdsEntry;
  /** The number of the namespace that the dumping tool itself was in. */
  readonly host: number;
  /** For people. */
  readonly name: string;
}

/** The namespaces that images know, by their links in /proc/PID/ns, in the order in which CRIU numbers its own. */
export const NAMESPACES = {
  pid: { field: 'pid_ns_id', host: 1, name: 'PID' },
  net: { field: 'net_ns_id', host: 2, name: 'network' },
  ipc: { field: 'ipc_ns_id', host: 3, name: 'IPC' },
  uts: { field: 'uts_ns_id', host: 4, name: 'UTS' },
  time: { field: 'time_ns_id', host: 5, name: 'time' },
  mnt: { field: 'mnt_ns_id', host: 6, name: 'mount' },
  user: { field: 'user_ns_id', host: 7, name: 'user' },
  cgroup: { field: 'cgroup_ns_id', host: 8, name: 'cgroup' },
} as const satisfies Readonly<Record<string, Row>>;
