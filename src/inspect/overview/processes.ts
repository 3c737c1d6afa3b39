import type { CoreEntry, PstreeEntry } from '../../image/generated/messages.js';
import { hasEnded, taskStateName } from '../../image/task-state.js';
import { FD_CLOEXEC } from '../../kernel/uapi/open-flags.js';
import { signalName } from '../../kernel/uapi/signal.js';
import { tasksOf } from '../tasks.js';
import type { TolerantImages } from '../tolerant-images.js';
import { kobjIds } from './namespaces.js';
import type { OpenFile, OpenFiles } from './open-files.js';

/** A process. Numbers are those of the innermost pid namespace. */
export interface ProcessInfo {
  readonly pid: number;
  readonly ppid: number;
  readonly pgid: number;
  readonly sid: number;
  readonly tids: readonly number[];
  /** undefined when its core image is missing. */
  readonly comm: string | undefined;
  /** alive, stopped, zombie; "stopped by SIGTSTP". */
  readonly state: string | undefined;
  /** How it ended, for a zombie: "exit 3", "SIGKILL". */
  readonly ended: string | undefined;
  readonly exe: string | undefined;
  readonly cwd: string | undefined;
  readonly root: string | undefined;
  /** Octal: 022. */
  readonly umask: string | undefined;
  readonly oomScoreAdj: number | undefined;
  readonly loginUid: number | undefined;
}

/** A descriptor of a process. */
export interface DescriptorInfo {
  readonly fd: number;
  readonly isCloexec: boolean;
  /** undefined when files.img does not have it. */
  readonly file: OpenFile | undefined;
  /** The open file's id. */
  readonly id: number;
}

/** What tells a wait status: the signal in the low 7 bits, else the exit code above 8. */
const endOf = (status: number): string => (status & 0x7f ? signalName(status & 0x7f) : `exit ${(status >> 8) & 0xff}`);
/** loginuid of a process that no login session has (the audit system). */
const NO_LOGIN = 0xffff_ffff;

function stateOf(core: CoreEntry | undefined): string | undefined {
  const tc = core?.tc;
  if (!tc) return undefined;
  if (hasEnded(tc.task_state)) return 'zombie';
  const name = taskStateName(tc.task_state) ?? `state ${tc.task_state}`;
  return tc.stop_signo ? `${name} by ${signalName(tc.stop_signo)}` : name;
}

/** The threads of a process, the main one first. CRIU writes a 0 for the thread of a zombie. */
const tidsOf = ({ pid, threads = [] }: PstreeEntry): number[] => [
  ...new Set([pid, ...threads.filter((tid) => tid !== 0)]),
];

/** One process of pstree.img. */
export function processOf(images: TolerantImages, files: OpenFiles, task: PstreeEntry): ProcessInfo {
  const core = images.expected('CORE', task.pid);
  const isZombie = hasEnded(core?.tc?.task_state);
  const mm = isZombie ? undefined : images.expected('MM', task.pid);
  const fs = isZombie ? undefined : images.expected('FS', task.pid);
  const login = core?.tc?.loginuid;
  return {
    pid: task.pid,
    ppid: task.ppid,
    pgid: task.pgid,
    sid: task.sid,
    tids: tidsOf(task),
    comm: core?.tc?.comm,
    state: stateOf(core),
    ended: isZombie ? endOf(core?.tc?.exit_code ?? 0) : undefined,
    exe: mm && files.path(mm.exe_file_id),
    cwd: fs && files.path(fs.cwd_id),
    root: fs && files.path(fs.root_id),
    umask: fs?.umask === undefined ? undefined : fs.umask.toString(8).padStart(3, '0'),
    oomScoreAdj: core?.tc?.oom_score_adj,
    loginUid: login === NO_LOGIN ? undefined : login,
  };
}

/** The cores of a process's threads by their tids, the main one's first. What is missing is a problem. */
export function coresOf(images: TolerantImages, task: PstreeEntry): ReadonlyMap<number, CoreEntry> {
  const cores = new Map<number, CoreEntry>();
  for (const tid of tidsOf(task)) {
    const core = images.expected('CORE', tid);
    if (core) cores.set(tid, core);
  }
  return cores;
}

/** The descriptors of a process by number. */
export function descriptorsOf(images: TolerantImages, files: OpenFiles, pid: number): readonly DescriptorInfo[] {
  const table = kobjIds(images, pid)?.files_id;
  if (table === undefined) return [];
  return Array.from(images.each('FDINFO', table), ({ fd, flags, id }) => ({
    fd,
    isCloexec: (flags & FD_CLOEXEC) !== 0,
    file: files.of(id),
    id,
  })).sort((a, b) => a.fd - b.fd);
}

/** A process and how deep it stands in the tree. */
export interface TreePlace {
  readonly task: PstreeEntry;
  /** 0 for a root, and for a process whose parent is not in the set. */
  readonly depth: number;
}

/** All processes, each behind its parent, as a tree is printed. */
export function inTreeOrder(images: TolerantImages): readonly TreePlace[] {
  const tasks = tasksOf(images);
  const pids = new Set(tasks.map(({ pid }) => pid));
  const children = new Map<number, PstreeEntry[]>();
  const roots: PstreeEntry[] = [];
  for (const task of tasks) {
    if (!pids.has(task.ppid) || task.ppid === task.pid) roots.push(task);
    else {
      const siblings = children.get(task.ppid);
      if (siblings) siblings.push(task);
      else children.set(task.ppid, [task]);
    }
  }
  const out: TreePlace[] = [];
  const seen = new Set<PstreeEntry>();
  const walk = (first: PstreeEntry) => {
    const stack: TreePlace[] = [{ task: first, depth: 0 }];
    for (let place = stack.pop(); place; place = stack.pop()) {
      if (seen.has(place.task)) continue;
      seen.add(place.task);
      out.push(place);
      for (const task of [...(children.get(place.task.pid) ?? [])].reverse())
        stack.push({ task, depth: place.depth + 1 });
    }
  };
  roots.forEach(walk);
  // those that are each other's ancestors hang on no root
  tasks.forEach(walk);
  return out;
}
