import { CritError } from '../image/errors.js';
import { answer, sys, sysRaw } from '../native/sys.js';
import type { Messages } from '../image/generated/messages.js';
import type { Batch } from '../task/batch.js';
import { readNamespace } from '../kernel/proc/namespaces.js';
import { KCMP_SIGHAND, KCMP_VM } from '../kernel/uapi/kcmp.js';
import { askAll } from '../task/own.js';

/** /proc/PID/ns links, the ids of crit's own namespaces in the images (CRIU's order), and how each is named to people */
const NAMESPACES = [
  ['pid', 'pid_ns_id', 1, 'PID'],
  ['net', 'net_ns_id', 2, 'network'],
  ['ipc', 'ipc_ns_id', 3, 'IPC'],
  ['uts', 'uts_ns_id', 4, 'UTS'],
  ['time', 'time_ns_id', 5, 'time'],
  ['mnt', 'mnt_ns_id', 6, 'mount'],
  ['user', 'user_ns_id', 7, 'user'],
  ['cgroup', 'cgroup_ns_id', 8, 'cgroup'],
] as const;

type Ids = Messages['task_kobj_ids_entry'];

/** The ids that stand for crit's own objects: a task of the host's namespaces has the same namespace ids. */
export function rootIds(): Ids {
  const ids: Record<string, number> = { vm_id: 1, files_id: 1, fs_id: 1, sighand_id: 1 };
  for (const [, field, id] of NAMESPACES) ids[field] = id;
  return ids as unknown as Ids;
}

/** Where a task's children will be (namespaces(7)): not where it is itself after unshare(2) or setns(2). */
const FOR_CHILDREN = [
  ['pid_for_children', 'PID'],
  ['time_for_children', 'time'],
] as const;

/** "net:[4026531840]" and the like: 32 bits of inode number */
const LINK_BYTES = 48;

/** Adds the question what a link of a task's /proc/TID/ns says; undefined where this kernel has no such namespaces. */
function askLink(b: Batch, tid: number, name: string): () => string | undefined {
  const out = b.out(LINK_BYTES);
  const length = b.tryCall('readlink', `/proc/${tid}/ns/${name}`, out, LINK_BYTES);
  return () => {
    const bytes = answer('readlink', length.value, ['ENOENT'], `of /proc/${tid}/ns/${name}`);
    return bytes === undefined ? undefined : out.text(bytes);
  };
}

const LINKS: readonly string[] = [...NAMESPACES, ...FOR_CHILDREN].map(([name]) => name);
const TIME = LINKS.indexOf('time');
const TIME_FOR_CHILDREN = LINKS.indexOf('time_for_children');
/** What all threads of a process have in common: only the single thread of one can change it. */
const OF_THE_PROCESS: ReadonlySet<string> = new Set(['pid', 'user', 'time']);

function askLinks(b: Batch, { pid, tid }: { pid: number; tid: number }): () => (string | undefined)[] {
  b.reserve(LINKS.length, LINKS.length * 2 * LINK_BYTES);
  const links = LINKS.map((name) => (pid !== tid && OF_THE_PROCESS.has(name) ? undefined : askLink(b, tid, name)));
  return () => links.map((link) => link?.());
}

let ours: (string | undefined)[] | undefined;

/** A process and its threads. */
interface Threads {
  readonly pid: number;
  readonly threads: readonly { readonly tid: number }[];
}

/** Whether a process is in a time namespace other than crit's. */
export function isInOwnTime(pid: number): boolean {
  try {
    return readNamespace(pid, 'time') !== readNamespace(process.pid, 'time');
  } catch {
    return false; // a kernel without them
  }
}

/** @throws CritError UNSUPPORTED when a process is in namespaces that cannot be dumped */
export function checkNamespaces(tasks: readonly Threads[]): void {
  for (const refused of namespacesRefused(tasks)) throw refused;
}

/**
 * Who is not in crit's namespaces, but for a time namespace that all are in. Threads may each be in namespaces of their own (setns(2)): all are asked, 7 to 10 system
 * calls of crit's each, in batches; one that is where its process is is not named again.
 */
export function* namespacesRefused(tasks: readonly Threads[]): Generator<CritError> {
  const threads = tasks.flatMap(({ pid, threads }) => threads.map(({ tid }) => ({ pid, tid })));
  let self = (ours ??= [...askAll([{ pid: process.pid, tid: process.pid }], askLinks)][0]!);
  const links = [...askAll(threads, askLinks)];
  const clocks = links[0]?.[TIME];
  if (clocks !== self[TIME]) {
    self = self.slice();
    self[TIME] = self[TIME_FOR_CHILDREN] = clocks;
  }
  let leader: readonly (string | undefined)[] = [];
  for (const [i, { pid, tid }] of threads.entries()) {
    const theirs = links[i]!;
    if (tid === pid) leader = theirs;
    for (const [at, link] of theirs.entries()) {
      if (link === undefined || self[at] === undefined || link === self[at]) continue;
      if (tid !== pid && link === leader[at]) continue;
      const who = tid === pid ? `process ${pid}` : `thread ${tid} of process ${pid}`;
      const kind = NAMESPACES[at];
      if (!kind && theirs.indexOf(link) < at) continue; // its children are where it is itself
      const is = kind
        ? `is in a ${kind[3]} namespace of its own`
        : `has a ${FOR_CHILDREN[at - NAMESPACES.length]![1]} namespace for its children`;
      yield new CritError(`${who} ${is} (${link}): not supported yet`, { code: 'UNSUPPORTED' });
    }
  }
}

/** @throws CritError UNSUPPORTED when two processes share their memory or their signal handlers */
export function checkUnshared(pids: readonly number[]): void {
  for (const refused of sharingRefused(pids)) throw refused;
}

/** Processes that share their memory or their signal handlers. */
export function* sharingRefused(pids: readonly number[]): Generator<CritError> {
  // kcmp orders objects: equal neighbours after a sort are all that can be equal
  for (const [type, what] of [
    [KCMP_VM, 'memory (CLONE_VM without CLONE_THREAD, as between vfork and exec)'],
    [KCMP_SIGHAND, 'signal handlers (CLONE_SIGHAND without CLONE_THREAD)'],
  ] as const) {
    const sorted = [...pids].sort((a, b) => {
      const order = sysRaw('kcmp', a, b, type, 0, 0);
      return order === 1 ? -1 : order === 2 ? 1 : 0;
    });
    for (let i = 1; i < sorted.length; i++)
      if (sys('kcmp', sorted[i - 1]!, sorted[i]!, type, 0, 0) === 0)
        yield new CritError(`processes ${sorted[i - 1]} and ${sorted[i]} share their ${what}: not supported`, {
          code: 'UNSUPPORTED',
        });
  }
}
