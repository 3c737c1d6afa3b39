import type { TaskKobjIdsEntry } from './generated/messages.js';

interface Row {
  /** Where a task's ids-PID.img has the number of its namespace. */
  readonly field: keyof TaskKobjIdsEntry;
  /** The number of the namespace that the dumping tool itself was in. */
  readonly host: number;
  /** The number that crit's images have of the one that the tree has for itself. */
  readonly own: number;
  /** For people. */
  readonly name: string;
}

/** The namespaces that images know, by their links in /proc/PID/ns, in the order in which CRIU numbers its own. */
export const NAMESPACES = {
  pid: { field: 'pid_ns_id', host: 1, own: 9, name: 'PID' },
  net: { field: 'net_ns_id', host: 2, own: 10, name: 'network' },
  ipc: { field: 'ipc_ns_id', host: 3, own: 11, name: 'IPC' },
  uts: { field: 'uts_ns_id', host: 4, own: 12, name: 'UTS' },
  time: { field: 'time_ns_id', host: 5, own: 13, name: 'time' },
  mnt: { field: 'mnt_ns_id', host: 6, own: 14, name: 'mount' },
  user: { field: 'user_ns_id', host: 7, own: 15, name: 'user' },
  cgroup: { field: 'cgroup_ns_id', host: 8, own: 16, name: 'cgroup' },
} as const satisfies Readonly<Record<string, Row>>;

/** Kinds of which a tree may have one for itself, that all of it is in. */
export type OwnKind = 'time' | 'ipc' | 'uts';
export const OWN_KINDS: ReadonlySet<string> = new Set<OwnKind>(['time', 'ipc', 'uts']);
