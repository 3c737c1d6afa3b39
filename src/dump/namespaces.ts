import { readdirSync } from 'node:fs';
import { CritError } from '../image/errors.js';
import { NAMESPACES, OWN_KINDS, type OwnKind } from '../image/namespaces.js';
import { answer } from '../native/sys.js';
import type { Messages } from '../image/generated/messages.js';
import type { Batch } from '../task/batch.js';
import { readNamespace } from '../kernel/proc/namespaces.js';
import { AT_FDCWD } from '../kernel/uapi/open-flags.js';
import { askAll } from '../task/own.js';
import type { DumpContext } from './context.js';
import type { MakeResource } from './resource.js';

type Ids = Messages['task_kobj_ids_entry'];

/** The ids that stand for crit's own objects: a task of the host's namespaces has the same namespace ids. */
export function rootIds(): Ids {
  const ids: Record<string, number> = { vm_id: 1, files_id: 1, fs_id: 1, sighand_id: 1 };
  for (const { field, host } of Object.values(NAMESPACES)) ids[field] = host;
  return ids as unknown as Ids;
}

/** "net:[4026531840]" and the like: 32 bits of inode number */
const LINK_BYTES = 48;

/** Adds the question what a link of a task's /proc/TID/ns says; undefined where this kernel has no such namespaces. */
function askLink(b: Batch, tid: number, name: string): () => string | undefined {
  const out = b.out(LINK_BYTES);
  const length = b.tryCall('readlinkat', AT_FDCWD, `/proc/${tid}/ns/${name}`, out, LINK_BYTES);
  return () => {
    const bytes = answer('readlink', length.value, ['ENOENT'], `of /proc/${tid}/ns/${name}`);
    return bytes === undefined ? undefined : out.text(bytes);
  };
}

/** Where a task's children will be (namespaces(7)): not where it is itself after unshare(2) or setns(2). */
const FOR_CHILDREN = { pid_for_children: 'pid', time_for_children: 'time' } as const;

const kindOf = (link: string): string => (FOR_CHILDREN as Readonly<Record<string, string>>)[link] ?? link;

/** The links of /proc/TID/ns, and what is said of a task whose link is another than crit's. */
const OTHERWISE: ReadonlyMap<string, string> = new Map([
  ...Object.entries(NAMESPACES).map(
    ([link, { name }]) => [link, `is in ${name === 'IPC' ? 'an' : 'a'} ${name} namespace of its own`] as const,
  ),
  ...Object.entries(FOR_CHILDREN).map(
    ([link, kind]) => [link, `has a ${NAMESPACES[kind].name} namespace for its children`] as const,
  ),
]);
const LINKS: readonly string[] = [...OTHERWISE.keys()];
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

/** Whether a process is in another namespace of a kind than crit is. */
export function isInOwn(pid: number, kind: OwnKind): boolean {
  try {
    return readNamespace(pid, kind) !== readNamespace(process.pid, kind);
  } catch {
    return false; // a kernel without them
  }
}

/** Refuses a namespace of the tree's own that others are in, too: after a restore they would be apart. */
export function refuseOutsiders(
  { options: { pid }, refuse }: DumpContext,
  alive: readonly Threads[],
  kind: OwnKind,
): void {
  const namespace = readNamespace(pid, kind);
  const tree = new Set(alive.map((task) => task.pid));
  for (const name of readdirSync('/proc')) {
    const other = Number(name);
    if (!Number.isInteger(other) || tree.has(other)) continue;
    try {
      if (readNamespace(other, kind) !== namespace) continue;
    } catch {
      continue; // it has ended, or is a zombie
    }
    refuse(
      new CritError(
        `the ${NAMESPACES[kind].name} namespace of process ${pid}: process ${other}, which is outside of the tree, is in it too: dump a tree that has all of them`,
        { code: 'UNSUPPORTED' },
      ),
    );
  }
}

/** Refuses processes in namespaces that cannot be dumped. */
export const namespaces: MakeResource = ({ refuse }) => ({
  name: 'namespaces',
  check: ({ alive }) => {
    for (const refused of refusals(alive)) refuse(refused);
  },
});

/**
 * Who is not in crit's namespaces, but for those that all are in and that a tree may have for itself. Threads may each be in namespaces of their
 * own (setns(2)): all are asked, 7 to 10 system calls of crit's each, in batches; one that is where its process is is not
 * named again.
 */
function* refusals(tasks: readonly Threads[]): Generator<CritError> {
  const threads = tasks.flatMap(({ pid, threads }) => threads.map(({ tid }) => ({ pid, tid })));
  ours ??= [...askAll([{ pid: process.pid, tid: process.pid }], askLinks)][0]!;
  const links = [...askAll(threads, askLinks)];
  const self = ours.map((link, at) => {
    const kind = kindOf(LINKS[at]!);
    return OWN_KINDS.has(kind) ? links[0]?.[LINKS.indexOf(kind)] : link;
  });
  let leader: readonly (string | undefined)[] = [];
  for (const [i, { pid, tid }] of threads.entries()) {
    const theirs = links[i]!;
    if (tid === pid) leader = theirs;
    for (const [at, link] of theirs.entries()) {
      if (link === undefined || self[at] === undefined || link === self[at]) continue;
      if (tid !== pid && link === leader[at]) continue;
      const who = tid === pid ? `process ${pid}` : `thread ${tid} of process ${pid}`;
      if (theirs.indexOf(link) < at) continue; // its children are where it is itself
      yield new CritError(`${who} ${OTHERWISE.get(LINKS[at]!)} (${link}): not supported yet`, { code: 'UNSUPPORTED' });
    }
  }
}
