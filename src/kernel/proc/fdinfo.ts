import type { Pid } from '../../image/pid.js';
import { O_CLOEXEC } from '../uapi/open-flags.js';
import { parseLock, type FileLock } from './locks.js';
import { procPath, ProcFileError, readProcText } from './proc-file.js';

/** /proc/PID/fdinfo/FD (proc_pid_fdinfo(5)): what every descriptor has, and the lines its kind adds. */
export interface FdInfo {
  /** Byte offset, or whatever the file makes of it. */
  pos: bigint;
  /** O_* flags of the description, without O_CLOEXEC. */
  flags: number;
  /** FD_CLOEXEC of the descriptor. */
  cloexec: boolean;
  mntId: number;
  /** Since Linux 5.14. */
  ino: bigint | undefined;
  /** The lines of the kind in order: what stands before and behind the first colon. */
  lines: readonly (readonly [key: string, value: string])[];
}

/** The text of an fdinfo file. */
export function parseFdInfo(text: string, source = 'fdinfo'): FdInfo {
  let pos: bigint | undefined;
  let flags: number | undefined;
  let mntId = -1;
  let ino: bigint | undefined;
  const lines: [string, string][] = [];
  for (const line of text.split('\n')) {
    if (!line) continue;
    const colon = line.indexOf(':');
    const key = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).trim();
    if (key === 'pos' && pos === undefined) pos = BigInt(value);
    else if (key === 'flags' && flags === undefined) flags = Number.parseInt(value, 8);
    else if (key === 'mnt_id' && mntId < 0) mntId = Number(value);
    else if (key === 'ino' && ino === undefined) ino = BigInt(value);
    else lines.push([key, value]);
  }
  if (pos === undefined || flags === undefined)
    throw new ProcFileError(source, 'PROC_FORMAT', `not understood: ${JSON.stringify(text.slice(0, 200))}`);
  return { pos, flags: flags & ~O_CLOEXEC, cloexec: (flags & O_CLOEXEC) !== 0, mntId, ino, lines };
}

/** fdinfo of a descriptor of a process; of one thread's when that has a table of its own. @throws ProcGone */
export function readFdInfo(pid: Pid, fd: number, tid?: Pid): FdInfo {
  return parseFdInfo(readProcText(pid, `fdinfo/${fd}`, tid), procPath(pid, `fdinfo/${fd}`, tid));
}

/** The value of the first line with a key. */
export function fdInfoValue(info: FdInfo, key: string): string | undefined {
  return info.lines.find(([k]) => k === key)?.[1];
}

/** The counter of an eventfd. `id` and `semaphore` are there since Linux 5.2 and 6.5. */
export interface EventFdInfo {
  count: bigint;
  id: number | undefined;
  semaphore: boolean | undefined;
}

/** @returns undefined when the descriptor is no eventfd */
export function eventFdInfo(info: FdInfo): EventFdInfo | undefined {
  const count = fdInfoValue(info, 'eventfd-count');
  if (count === undefined) return undefined;
  const id = fdInfoValue(info, 'eventfd-id');
  const semaphore = fdInfoValue(info, 'eventfd-semaphore');
  return {
    count: BigInt(`0x${count}`),
    id: id === undefined ? undefined : Number(id),
    semaphore: semaphore === undefined ? undefined : semaphore === '1',
  };
}

/** The mask of a signalfd (bit N-1 is signal N). @returns undefined when the descriptor is no signalfd */
export function signalFdMask(info: FdInfo): bigint | undefined {
  const mask = fdInfoValue(info, 'sigmask');
  return mask === undefined ? undefined : BigInt(`0x${mask}`);
}

/** A timerfd; times are what timerfd_gettime(2) says, in seconds and nanoseconds: the value is what remains. */
export interface TimerFdInfo {
  /** CLOCK_* */
  clockid: number;
  /** Expirations that nobody has read. */
  ticks: bigint;
  /** TFD_TIMER_* of the last timerfd_settime(2). */
  settimeFlags: number;
  valueSec: bigint;
  valueNsec: bigint;
  intervalSec: bigint;
  intervalNsec: bigint;
}

/** @returns undefined when the descriptor is no timerfd */
export function timerFdInfo(info: FdInfo): TimerFdInfo | undefined {
  const ticks = fdInfoValue(info, 'ticks');
  const clockid = fdInfoValue(info, 'clockid');
  if (ticks === undefined || clockid === undefined) return undefined;
  const [valueSec, valueNsec] = pair(fdInfoValue(info, 'it_value'));
  const [intervalSec, intervalNsec] = pair(fdInfoValue(info, 'it_interval'));
  return {
    clockid: Number(clockid),
    ticks: BigInt(ticks),
    settimeFlags: Number.parseInt(fdInfoValue(info, 'settime flags') ?? '0', 8),
    valueSec,
    valueNsec,
    intervalSec,
    intervalNsec,
  };
}

/** "(1, 500)" */
function pair(text: string | undefined): [bigint, bigint] {
  const m = /\((\d+), *(\d+)\)/.exec(text ?? '');
  return m ? [BigInt(m[1]!), BigInt(m[2]!)] : [0n, 0n];
}

/** One target of an epoll. */
export interface EpollTarget {
  /** The number under which it was added; by now it may be closed or mean another file. */
  tfd: number;
  /** EPOLL*; unsigned. */
  events: number;
  data: bigint;
  pos: bigint;
  ino: bigint;
  /** Of the target's file system: major << 20 | minor. */
  sdev: number;
}

const EPOLL = /^(\d+) +events: *([0-9a-f]+) +data: *([0-9a-f]+)(?: +pos:(-?\d+) +ino:([0-9a-f]+) +sdev:([0-9a-f]+))?/;

/** The targets of an epoll; empty when it has none or the descriptor is no epoll. */
export function epollTargets(info: FdInfo): EpollTarget[] {
  return info.lines.flatMap(([key, value]) => {
    const m = key === 'tfd' ? EPOLL.exec(value) : null;
    if (!m) return [];
    return [
      {
        tfd: Number(m[1]),
        events: Number.parseInt(m[2]!, 16),
        data: BigInt(`0x${m[3]!}`),
        pos: BigInt(m[4] ?? 0),
        ino: BigInt(`0x${m[5] ?? '0'}`),
        sdev: Number.parseInt(m[6] ?? '0', 16),
      },
    ];
  });
}

/** A file for open_by_handle_at(2). */
export interface FileHandle {
  type: number;
  bytes: Uint8Array;
}

/** One watch of an inotify. */
export interface InotifyWatch {
  wd: number;
  ino: bigint;
  /** major << 20 | minor */
  sdev: number;
  /** IN_* */
  mask: number;
  /** Absent where the file system cannot export. */
  handle: FileHandle | undefined;
}

const INOTIFY = /^inotify wd:([0-9a-f]+) ino:([0-9a-f]+) sdev:([0-9a-f]+) mask:([0-9a-f]+)/;
const HANDLE = /fhandle-bytes:([0-9a-f]+) fhandle-type:([0-9a-f]+) f_handle:([0-9a-f]*)/;

function handleOf(line: string): FileHandle | undefined {
  const m = HANDLE.exec(line);
  return m ? { type: Number.parseInt(m[2]!, 16), bytes: new Uint8Array(Buffer.from(m[3]!, 'hex')) } : undefined;
}

/** The watches of an inotify; empty when it has none or the descriptor is no inotify. */
export function inotifyWatches(info: FdInfo): InotifyWatch[] {
  return info.lines.flatMap(([key, value]) => {
    const line = `${key}:${value}`;
    const m = INOTIFY.exec(line);
    if (!m) return [];
    return [
      {
        wd: Number.parseInt(m[1]!, 16),
        ino: BigInt(`0x${m[2]!}`),
        sdev: Number.parseInt(m[3]!, 16),
        mask: Number.parseInt(m[4]!, 16),
        handle: handleOf(line),
      },
    ];
  });
}

/** One mark of a fanotify group: on a file, a mount, a file system (sdev alone), or something else. */
export interface FanotifyMark {
  on: 'file' | 'mount' | 'file system' | 'mount namespace';
  ino: bigint;
  /** major << 20 | minor; 0 for a mount. */
  sdev: number;
  mntId: number;
  /** FAN_MARK_IGNORED_SURV_MODIFY, FAN_MARK_EVICTABLE, FAN_MARK_IGNORE */
  flags: number;
  mask: number;
  ignoredMask: number;
  handle: FileHandle | undefined;
}

/** A fanotify group: the arguments of its fanotify_init(2), and its marks. */
export interface FanotifyGroup {
  flags: number;
  eventFlags: number;
  marks: FanotifyMark[];
}

const GROUP = /^fanotify flags:([0-9a-f]+) event-flags:([0-9a-f]+)/;
const MARK =
  /^fanotify (?:ino:([0-9a-f]+) sdev:([0-9a-f]+)|mnt_id:([0-9a-f]+)|sdev:([0-9a-f]+)|(mnt_ns):\d+) mflags:([0-9a-f]+) mask:([0-9a-f]+) ignored_mask:([0-9a-f]+)/;

/** @returns undefined when the descriptor is no fanotify group */
export function fanotifyGroup(info: FdInfo): FanotifyGroup | undefined {
  const hex = (digits: string | undefined) => Number.parseInt(digits ?? '0', 16);
  let group: FanotifyGroup | undefined;
  for (const [key, value] of info.lines) {
    const line = `${key}:${value}`;
    const whole = GROUP.exec(line);
    if (whole) group = { flags: hex(whole[1]), eventFlags: hex(whole[2]), marks: [] };
    const m = MARK.exec(line);
    if (m)
      group?.marks.push({
        on: m[1] ? 'file' : m[3] ? 'mount' : m[5] ? 'mount namespace' : 'file system',
        ino: BigInt(`0x${m[1] ?? '0'}`),
        sdev: hex(m[2] ?? m[4]),
        mntId: hex(m[3]),
        flags: hex(m[6]),
        mask: hex(m[7]),
        ignoredMask: hex(m[8]),
        handle: handleOf(line),
      });
  }
  return group;
}

/** Locks taken through a description, and leases on its file. */
export function fdLocks(info: FdInfo): FileLock[] {
  return info.lines.flatMap(([key, value]) => (key === 'lock' ? (parseLock(value) ?? []) : []));
}

/** How many descriptors lie queued in a unix socket (Linux 5.9). @returns undefined when it is no unix socket */
export function scmFds(info: FdInfo): number | undefined {
  const value = fdInfoValue(info, 'scm_fds');
  return value === undefined ? undefined : Number(value);
}

/** The process of a pidfd in the reader's pid namespace: -1 when it has ended. @returns undefined for no pidfd */
export function pidFdPid(info: FdInfo): number | undefined {
  const value = fdInfoValue(info, 'Pid');
  return value === undefined ? undefined : Number(value);
}
