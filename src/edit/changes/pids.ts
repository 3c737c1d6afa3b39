import type { FownEntry } from '../../image/generated/messages.js';
import type { EditedSet } from '../edited-set.js';
import type { MemoryEdits } from '../memory/memory-edits.js';
import { badChange, parts, small } from './spec.js';

/** Images that have the number of a process or thread in their names. */
const BY_PID = [
  'MM',
  'PAGEMAP',
  'IDS',
  'FS',
  'CORE',
  'VMAS',
  'SIGNAL',
  'PSIGNAL',
  'ITIMERS',
  'POSIX_TIMERS',
  'CREDS',
  'RLIMIT',
] as const;
const MAX_PID = 1 << 22;

/** @returns the numbers that change, of processes, threads, groups and sessions */
function mapping(set: EditedSet, texts: readonly string[]): Map<number, number> {
  const map = new Map<number, number>();
  for (const text of texts) {
    const [from, to] = parts(text, 'OLD=NEW').map((id) => small(id, 'pid', MAX_PID)) as [number, number];
    if (to === 0) throw badChange(`${text}: no process has the pid 0`);
    if (map.has(from)) throw badChange(`${text}: ${from} is given twice`);
    map.set(from, to);
  }
  const tasks = set.look('PSTREE')?.entries.map(({ message }) => message) ?? [];
  const all = new Set(tasks.flatMap(({ pid, pgid, sid, threads }) => [pid, pgid, sid, ...(threads ?? [])]));
  for (const from of map.keys())
    if (!all.has(from)) throw badChange(`the set has no process, thread, group or session ${from}`);
  const after = new Map<number, number>();
  for (const id of all) {
    const to = map.get(id) ?? id;
    if (after.has(to)) throw badChange(`${after.get(to)!} and ${id} would both be ${to}`);
    after.set(to, id);
  }
  return map;
}

/**
 * `OLD=NEW`, several at once: renumbers processes, threads, groups and sessions wherever images have their numbers. In
 * memory, the C library keeps a thread's number where the kernel clears it at its end (set_tid_address(2)): it is
 * changed there as well. Where else a program keeps it nobody can know: robust and recursive mutexes do.
 */
export function changePids(set: EditedSet, edits: MemoryEdits, texts: readonly string[]): string[] {
  const map = mapping(set, texts);
  const renumber = <K extends string>(holder: Partial<Record<K, number>> | undefined, ...keys: K[]): number => {
    let n = 0;
    for (const key of keys) {
      const id = holder?.[key];
      const to = id === undefined ? undefined : map.get(id);
      if (to === undefined) continue;
      holder![key] = to;
      n++;
    }
    return n;
  };
  let words = 0;
  for (const { message } of set.look('PSTREE')?.entries ?? [])
    for (const tid of message.threads ?? [message.pid]) words += inMemory(set, edits, message.pid, tid, map.get(tid));
  // memory is written under the old numbers
  edits.store();
  set.changeIf('PSTREE', undefined, ({ entries }) =>
    entries.reduce((n, { message }) => {
      const threads = message.threads?.map((tid) => map.get(tid) ?? tid);
      if (threads) message.threads = threads;
      return n + renumber(message, 'pid', 'ppid', 'pgid', 'sid') + 1;
    }, 0),
  );
  for (const tid of set.ids('CORE'))
    set.changeIf('CORE', tid, ({ entries }) =>
      entries.reduce(
        (n, { message }) =>
          n + (message.tc?.timers?.posix ?? []).reduce((some, timer) => some + renumber(timer, 'notify_thread_id'), 0),
        0,
      ),
    );
  set.changeIf('FILES', undefined, ({ entries }) =>
    entries.reduce((n, { message }) => {
      for (const kind of Object.values(message) as unknown[])
        n += renumber((kind as { fown?: FownEntry } | undefined)?.fown, 'pid');
      return n + renumber(message.pidfd, 'nspid') + renumber(message.usk, 'peer_pid');
    }, 0),
  );
  set.changeIf('TTY_INFO', undefined, ({ entries }) =>
    entries.reduce((n, { message }) => n + renumber(message, 'sid', 'pgrp'), 0),
  );
  set.changeIf('FILE_LOCKS', undefined, ({ entries }) =>
    entries.reduce((n, { message }) => n + renumber(message, 'pid'), 0),
  );
  for (const type of BY_PID) set.rename(type, map);
  const list = [...map].map(([from, to]) => `${from} is ${to}`).join(', ');
  const kept =
    words === 0 ? '' : `; ${words} ${words === 1 ? 'thread finds' : 'threads find'} its new number in memory`;
  return [`${list}${kept}`, ...robust(set, map)];
}

/** Changes a thread's number where it is in memory. @returns how many words */
function inMemory(set: EditedSet, edits: MemoryEdits, pid: number, tid: number, to: number | undefined): number {
  const address = to === undefined ? undefined : set.look('CORE', tid)?.entries[0]?.message.thread_info?.clear_tid_addr;
  if (!address || to === undefined) return 0;
  try {
    const bytes = Buffer.from(edits.read(pid, address, 4));
    if (bytes.readUInt32LE() !== tid) return 0;
    bytes.writeUInt32LE(to);
    edits.write(pid, address, bytes);
    return 1;
  } catch {
    return 0; // it is not in the images: the program's own affair
  }
}

/** Threads that may hold robust mutexes, which have their number in them. */
function robust(set: EditedSet, map: ReadonlyMap<number, number>): string[] {
  const holders = [...map].filter(([, to]) => {
    const thread = set.has('CORE', to) ? set.look('CORE', to)?.entries[0]?.message.thread_core : undefined;
    return thread !== undefined && thread.futex_rla !== 0n && thread.futex_rla_len > 0;
  });
  return holders.length === 0
    ? []
    : [`a mutex that ${holders.map(([from]) => from).join(', ')} held has the old number still, if there is one`];
}
