import { readFileSync } from 'node:fs';
import type { Pid } from '../../image/pid.js';

/** A lock or lease on a file, as /proc/locks and the fdinfo of the descriptors that hold it show it (proc_locks(5)). */
export interface FileLock {
  /** The line without its number: the same in both places. */
  text: string;
  kind: 'POSIX' | 'FLOCK' | 'OFDLCK' | 'LEASE' | 'DELEG' | 'ACCESS' | (string & {});
  /** ADVISORY, MANDATORY; of a lease ACTIVE, BREAKING. */
  type: string;
  /** Of a lease that is being broken, what it is to become. */
  access: 'READ' | 'WRITE' | 'UNLCK' | (string & {});
  /** Who has taken it; -1 for OFD locks. */
  pid: Pid;
  devMajor: number;
  devMinor: number;
  inode: bigint;
  start: bigint;
  /** Last byte, or undefined for the end of the file. */
  end: bigint | undefined;
}

const LOCK = /^\d+: ((\S+) +(\S+) +(\S+) +(-?\d+) ([0-9a-f]+):([0-9a-f]+):(\d+) (\d+) (EOF|\d+))/;
/** Behind a lock, those who wait for it; what they wait with has no file if it is no lock (an open that breaks a lease). */
const WAITER = /^\d+: *-> *\S+ +\S+ +\S+ +(\d+) /;

/** @param line as it begins with its number @returns undefined for what is no lock that is held */
export function parseLock(line: string): FileLock | undefined {
  const m = LOCK.exec(line);
  if (!m) return undefined;
  return {
    text: m[1]!,
    kind: m[2]!,
    type: m[3]!,
    access: m[4]!,
    pid: Number(m[5]),
    devMajor: Number.parseInt(m[6]!, 16),
    devMinor: Number.parseInt(m[7]!, 16),
    inode: BigInt(m[8]!),
    start: BigInt(m[9]!),
    end: m[10] === 'EOF' ? undefined : BigInt(m[10]!),
  };
}

/** A lock, and the processes that wait for it. */
export interface HeldLock {
  readonly lock: FileLock;
  readonly waiters: readonly Pid[];
}

/** The text of /proc/locks. */
export function parseLocks(text: string): HeldLock[] {
  const held: { lock: FileLock; waiters: Pid[] }[] = [];
  for (const line of text.split('\n')) {
    const waiter = WAITER.exec(line)?.[1];
    if (waiter !== undefined) held.at(-1)?.waiters.push(Number(waiter));
    else {
      const lock = parseLock(line);
      if (lock) held.push({ lock, waiters: [] });
    }
  }
  return held;
}

/** All locks that are held in crit's pid namespace. */
export const readLocks = (): HeldLock[] => parseLocks(readFileSync('/proc/locks', 'latin1'));
