import type { Pid } from '../../image/pid.js';
import { statSync, type BigIntStats } from 'node:fs';
import { attempt, procPath, readProcLink, readProcNumbers } from './proc-file.js';

/** A descriptor as its link /proc/PID/fd/N shows it. */
export interface FdLink {
  fd: number;
  /** As the kernel spells it: a path, "pipe:[123]", "socket:[123]", "anon_inode:[eventpoll]", "/memfd:NAME (deleted)". */
  target: string;
  /** Of the file itself, though it may be deleted or out of reach by path. */
  stat: BigIntStats;
}

/** Open descriptors of a process, ascending; of one thread when that has a table of its own. @throws ProcGone */
export function readFds(pid: Pid, tid?: Pid): number[] {
  return readProcNumbers(pid, 'fd', tid);
}

/** One descriptor. @throws ProcGone when it is closed */
export function readFdLink(pid: Pid, fd: number, tid?: Pid): FdLink {
  const path = procPath(pid, `fd/${fd}`, tid);
  const target = readProcLink(pid, `fd/${fd}`, tid);
  return { fd, target, stat: attempt(pid, path, () => statSync(path, { bigint: true })) };
}

/** What kind of thing a link's target names. */
export type FdTarget =
  | { kind: 'path'; path: string; deleted: boolean }
  /** pipe, socket, or a namespace such as "net": all named by an inode number */
  | { kind: 'inode'; type: string; ino: bigint }
  /** eventfd, eventpoll, signalfd, timerfd, inotify, pidfd, userfaultfd, io_uring, bpf-map, ... */
  | { kind: 'anon'; type: string };

const DELETED = ' (deleted)';

/** Takes a link's target apart. A file whose name ends in " (deleted)" seems deleted: the link count tells. */
export function parseFdTarget(target: string): FdTarget {
  if (target.startsWith('/')) {
    const deleted = target.endsWith(DELETED);
    return { kind: 'path', path: deleted ? target.slice(0, -DELETED.length) : target, deleted };
  }
  const anon = /^anon_inode:(?:\[(.*)\]|(.*))$/s.exec(target);
  if (anon) return { kind: 'anon', type: anon[1] ?? anon[2] ?? '' };
  const inode = /^([a-z_]+):\[(\d+)\]$/.exec(target);
  if (inode) return { kind: 'inode', type: inode[1]!, ino: BigInt(inode[2]!) };
  // e.g. "(unreachable)/x": the path is outside the reader's root
  return { kind: 'path', path: target, deleted: false };
}
