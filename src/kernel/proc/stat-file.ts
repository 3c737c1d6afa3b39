import type { Pid } from '../../image/pid.js';
import { procPath, ProcFileError, readProcText } from './proc-file.js';

/**
 * /proc/PID/stat (proc_pid_stat(5)). Addresses read as 0 or 1 for who may not ptrace the process, and as 0 for zombies.
 */
export interface ProcStat {
  pid: Pid;
  /** The thread's name, any bytes but NUL, parentheses and newlines included. */
  comm: string;
  /** One letter: R, S, D, T, t, Z, X, I. */
  state: string;
  ppid: Pid;
  pgrp: number;
  session: number;
  /** Device number of the controlling terminal (see devMajor and devMinor in stat.ts), 0 for none. */
  ttyNr: number;
  /** Foreground process group of that terminal, or -1. */
  tpgid: number;
  /** PF_* of sched.ts. */
  flags: number;
  minflt: number;
  cminflt: number;
  majflt: number;
  cmajflt: number;
  /** Times are in clock ticks (1/100 s). */
  utime: number;
  stime: number;
  cutime: number;
  cstime: number;
  priority: number;
  nice: number;
  numThreads: number;
  /** Clock ticks since boot. */
  starttime: number;
  vsizeBytes: number;
  rssPages: number;
  rsslim: bigint;
  startCode: bigint;
  endCode: bigint;
  startStack: bigint;
  exitSignal: number;
  processor: number;
  rtPriority: number;
  /** SCHED_* */
  policy: number;
  startData: bigint;
  endData: bigint;
  startBrk: bigint;
  argStart: bigint;
  argEnd: bigint;
  envStart: bigint;
  envEnd: bigint;
  /** As waitpid(2) would report it (wait.ts); 0 while the task lives. */
  exitCode: number;
}

/** The text of a stat file. */
export function parseStat(text: string, source = 'stat'): ProcStat {
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  const rest = text
    .slice(close + 2)
    .trim()
    .split(' ');
  if (open < 0 || close < open || rest.length < 44)
    throw new ProcFileError(source, 'PROC_FORMAT', `not understood: ${JSON.stringify(text.slice(0, 200))}`);
  // proc_pid_stat(5) counts from 1 and the state is field 3
  const number = (field: number): number => Number(rest[field - 3] ?? 0);
  const address = (field: number): bigint => BigInt(rest[field - 3] ?? 0);
  return {
    pid: Number(text.slice(0, open)),
    comm: text.slice(open + 1, close),
    state: rest[0]!,
    ppid: number(4),
    pgrp: number(5),
    session: number(6),
    ttyNr: number(7),
    tpgid: number(8),
    flags: number(9),
    minflt: number(10),
    cminflt: number(11),
    majflt: number(12),
    cmajflt: number(13),
    utime: number(14),
    stime: number(15),
    cutime: number(16),
    cstime: number(17),
    priority: number(18),
    nice: number(19),
    numThreads: number(20),
    starttime: number(22),
    vsizeBytes: number(23),
    rssPages: number(24),
    rsslim: address(25),
    startCode: address(26),
    endCode: address(27),
    startStack: address(28),
    exitSignal: number(38),
    processor: number(39),
    rtPriority: number(40),
    policy: number(41),
    startData: address(45),
    endData: address(46),
    startBrk: address(47),
    argStart: address(48),
    argEnd: address(49),
    envStart: address(50),
    envEnd: address(51),
    exitCode: number(52),
  };
}

/** The stat line of a process, or of one of its threads (then its times are the thread's own). @throws ProcGone */
export function readStat(pid: Pid, tid?: Pid): ProcStat {
  return parseStat(readProcText(pid, 'stat', tid), procPath(pid, 'stat', tid));
}
