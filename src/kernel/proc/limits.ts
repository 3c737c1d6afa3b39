import type { Pid } from '../../image/pid.js';
import { procPath, ProcFileError, readProcText } from './proc-file.js';
import { RLIM_INFINITY, RLIMITS, type RlimitName } from '../uapi/resource.js';

/** A resource limit (getrlimit(2)); "unlimited" is RLIM_INFINITY. */
export interface Rlimit {
  soft: bigint;
  hard: bigint;
}

/** fs/proc/base.c, lnames: how /proc/PID/limits calls the limits. */
const NAMES: Record<string, RlimitName> = {
  'Max cpu time': 'RLIMIT_CPU',
  'Max file size': 'RLIMIT_FSIZE',
  'Max data size': 'RLIMIT_DATA',
  'Max stack size': 'RLIMIT_STACK',
  'Max core file size': 'RLIMIT_CORE',
  'Max resident set': 'RLIMIT_RSS',
  'Max processes': 'RLIMIT_NPROC',
  'Max open files': 'RLIMIT_NOFILE',
  'Max locked memory': 'RLIMIT_MEMLOCK',
  'Max address space': 'RLIMIT_AS',
  'Max file locks': 'RLIMIT_LOCKS',
  'Max pending signals': 'RLIMIT_SIGPENDING',
  'Max msgqueue size': 'RLIMIT_MSGQUEUE',
  'Max nice priority': 'RLIMIT_NICE',
  'Max realtime priority': 'RLIMIT_RTPRIO',
  'Max realtime timeout': 'RLIMIT_RTTIME',
};

const LINE = /^(Max [a-z ]+?) +(\d+|unlimited) +(\d+|unlimited) /;

/** The text of a limits file: limits by number (RLIMIT_*). */
export function parseLimits(text: string, source = 'limits'): Rlimit[] {
  const limits: Rlimit[] = [];
  for (const line of text.split('\n')) {
    const m = LINE.exec(`${line} `);
    const name = m && NAMES[m[1]!];
    if (m && name) limits[RLIMITS[name]] = { soft: value(m[2]!), hard: value(m[3]!) };
  }
  for (const [name, number] of Object.entries(RLIMITS))
    if (!limits[number]) throw new ProcFileError(source, 'PROC_FORMAT', `has no line for ${name}`);
  return limits;
}

function value(text: string): bigint {
  return text === 'unlimited' ? RLIM_INFINITY : BigInt(text);
}

/** The limits of a process, by number: `readLimits(pid)[RLIMITS.RLIMIT_NOFILE]`. @throws ProcGone */
export function readLimits(pid: Pid): Rlimit[] {
  return parseLimits(readProcText(pid, 'limits'), procPath(pid, 'limits'));
}
