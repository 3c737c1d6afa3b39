import type { Pid } from '../../image/pid.js';
import { procPath, ProcFileError, readProcText } from './proc-file.js';

/** A POSIX timer as /proc/PID/timers shows it (CONFIG_CHECKPOINT_RESTORE); when it goes off only the process can ask. */
export interface PosixTimer {
  id: number;
  /** 0 when it notifies nobody. */
  signal: number;
  /** sival_ptr of the sigevent. */
  sigval: bigint;
  notify: 'signal' | 'none' | 'thread';
  /** The signal goes to one thread (SIGEV_THREAD_ID); then `target` is its id, otherwise the process's. */
  toThread: boolean;
  target: number;
  /** CLOCK_*, or the negative number of a CPU clock. */
  clockid: number;
}

const TIMER =
  /ID: (\d+)\nsignal: (\d+)\/(?:0x)?([0-9a-f]+|\(null\))\nnotify: (signal|none|thread)\/(pid|tid)\.(-?\d+)\nClockID: (-?\d+)\n?/y;

/** The text of a timers file. */
export function parseTimers(text: string, source = 'timers'): PosixTimer[] {
  const timers: PosixTimer[] = [];
  for (let at = 0; at < text.length; at = TIMER.lastIndex) {
    TIMER.lastIndex = at;
    const m = TIMER.exec(text);
    if (!m)
      throw new ProcFileError(source, 'PROC_FORMAT', `not understood: ${JSON.stringify(text.slice(at, at + 200))}`);
    timers.push({
      id: Number(m[1]),
      signal: Number(m[2]),
      sigval: m[3] === '(null)' ? 0n : BigInt(`0x${m[3]!}`),
      notify: m[4] as PosixTimer['notify'],
      toThread: m[5] === 'tid',
      target: Number(m[6]),
      clockid: Number(m[7]),
    });
  }
  return timers;
}

/** The POSIX timers of a process, by id. @throws ProcGone, ProcFileError NO_PROC_FILE on a kernel without */
export function readTimers(pid: Pid): PosixTimer[] {
  return parseTimers(readProcText(pid, 'timers'), procPath(pid, 'timers')).sort((a, b) => a.id - b.id);
}
