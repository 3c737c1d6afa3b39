import type { Pid } from '../../image/pid.js';
import { isAscii } from 'node:buffer';
import { closeSync, existsSync, openSync, readdirSync, readlinkSync, readSync, statSync } from 'node:fs';
import type { CritErrorCode, SystemErrorCode } from '../../image/error-codes.js';
import { CritError } from '../../image/errors.js';
import { whyFailed } from '../../image/system-words.js';

/**
 * A process, thread or descriptor that went away while /proc was asked about it, or the memory of one that has ended: a
 * zombie (and a kernel thread) has none.
 */
export class ProcGone extends CritError {
  readonly pid: Pid;
  readonly path: string;

  constructor(pid: Pid, path: string, cause?: unknown) {
    super(existsSync(`/proc/${pid}`) ? `${path} is gone` : `process ${pid} is gone (${path})`, {
      code: 'PROC_GONE',
      cause,
    });
    this.pid = pid;
    this.path = path;
  }
}

/** A file of /proc that could not be read or understood though its process is there. */
export class ProcFileError extends CritError {
  readonly path: string;

  constructor(path: string, code: CritErrorCode, message: string, cause?: unknown) {
    super(`${path}: ${message}`, { code, cause });
    this.path = path;
  }
}

/** /proc/PID, or /proc/PID/task/TID when a thread is meant. */
export function procPath(pid: Pid, file: string, tid?: Pid): string {
  return tid === undefined ? `/proc/${pid}/${file}` : `/proc/${pid}/task/${tid}/${file}`;
}

/** Files are read into the same room again: one that is fresh costs a page fault a page. */
let room = Buffer.allocUnsafeSlow(1 << 16);
/** What is kept of it from one file to the next, bytes. */
const ROOM_MAX = 8 << 20;

/** Reads a file of /proc. @returns how many bytes of `room` it has */
function fillRoom(path: string): number {
  if (room.length > ROOM_MAX) room = Buffer.allocUnsafeSlow(ROOM_MAX);
  const fd = openSync(path, 'r');
  try {
    // seq_file gives a page per read(2) whatever is asked for, so the size is known only at the end
    for (let used = 0; ;) {
      const n = readSync(fd, room, used, room.length - used, null);
      used += n;
      if (n === 0) return used;
      if (used < room.length) continue;
      const larger = Buffer.allocUnsafeSlow(room.length * 2);
      room.copy(larger);
      room = larger;
    }
  } finally {
    closeSync(fd);
  }
}

/** The bytes of a file of /proc. @throws ProcGone, ProcFileError */
export function readProcBytes(pid: Pid, file: string, tid?: Pid): Buffer {
  const path = procPath(pid, file, tid);
  return attempt(pid, path, () => {
    const size = fillRoom(path);
    return Buffer.from(room.subarray(0, size));
  });
}

/** The text of a file of /proc. @throws ProcGone, ProcFileError */
export function readProcText(pid: Pid, file: string, tid?: Pid): string {
  const path = procPath(pid, file, tid);
  return attempt(pid, path, () => {
    const size = fillRoom(path);
    // what is ASCII need not be decoded, and mostly is
    return room.toString(isAscii(room.subarray(0, size)) ? 'latin1' : 'utf8', 0, size);
  });
}

/**
 * Reads a long text of /proc without ever holding all of it. `parts` is told of the bytes that are there, and says how
 * many of them are whole parts; those are handed to `take`. The rest comes again with more behind it.
 * @throws ProcGone for a zombie or a kernel thread too, ProcFileError
 */
export function readMemoryParts(
  pid: Pid,
  file: string,
  parts: (bytes: Buffer) => number,
  take: (text: string) => void,
): void {
  const path = procPath(pid, file);
  const decode = (size: number) => room.toString(isAscii(room.subarray(0, size)) ? 'latin1' : 'utf8', 0, size);
  let seen = 0;
  attempt(pid, path, () => {
    const fd = openSync(path, 'r');
    try {
      for (let used = 0; ;) {
        const n = readSync(fd, room, used, room.length - used, null);
        used += n;
        seen += n;
        if (n === 0) {
          if (used > 0) take(decode(used));
          return;
        }
        if (used < room.length) continue;
        const whole = parts(room);
        if (whole > 0) {
          take(decode(whole));
          used = room.copy(room, 0, whole, used);
        } else {
          const larger = Buffer.allocUnsafeSlow(room.length * 2);
          room.copy(larger);
          room = larger;
        }
      }
    } finally {
      closeSync(fd);
    }
  });
  if (seen === 0) throw new ProcGone(pid, path);
}

/** Kernels before 6.13 or so answer nothing for who has no memory, later ones ESRCH. */
function mustHaveMemory<T extends { readonly length: number }>(pid: Pid, file: string, content: T): T {
  if (content.length === 0) throw new ProcGone(pid, procPath(pid, file));
  return content;
}

/** A file about the memory of a process. @throws ProcGone for a zombie or a kernel thread too */
export function readMemoryBytes(pid: Pid, file: string): Buffer {
  return mustHaveMemory(pid, file, readProcBytes(pid, file));
}

/** A file about the memory of a process that is text. @throws ProcGone for a zombie or a kernel thread too */
export function readMemoryText(pid: Pid, file: string): string {
  return mustHaveMemory(pid, file, readProcText(pid, file));
}

/** Where a link of /proc/PID points to, as the kernel spells it. @throws ProcGone, ProcFileError */
export function readProcLink(pid: Pid, file: string, tid?: Pid): string {
  const path = procPath(pid, file, tid);
  return attempt(pid, path, () => readlinkSync(path));
}

/** The names in a directory of /proc. @throws ProcGone, ProcFileError */
export function readProcDir(pid: Pid, dir: string, tid?: Pid): string[] {
  const path = procPath(pid, dir, tid);
  return attempt(pid, path, () => readdirSync(path));
}

/** Names of a directory that are numbers, ascending. */
export function readProcNumbers(pid: Pid, dir: string, tid?: Pid): number[] {
  return readProcDir(pid, dir, tid)
    .map(Number)
    .sort((a, b) => a - b);
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Runs something on /proc and puts errors into words. @throws ProcGone, ProcFileError */
export function attempt<T>(pid: Pid, path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof CritError) throw error;
    const code = ((error as NodeJS.ErrnoException).code ?? 'EUNKNOWN') as SystemErrorCode;
    const owner = /^\/proc\/\d+(\/task\/\d+)?/.exec(path)?.[0] ?? path;
    // A descriptor, a thread or the process went away, unless the kernel never had such a file.
    if (code === 'ESRCH' || (code === 'ENOENT' && (/\/(fd|fdinfo|map_files)\//.test(path) || !isThere(owner))))
      throw new ProcGone(pid, path, error);
    if (code === 'ENOENT') throw new ProcFileError(path, 'NO_PROC_FILE', 'this process or kernel has none', error);
    throw new ProcFileError(path, code, `cannot be read: ${whyFailed(error)}`, error);
  }
}
