import type { Pid } from '../../image/pid.js';
import { procPath, ProcFileError, readProcText } from './proc-file.js';

/** The four user or group ids of a task (credentials(7)), as its own user namespace of the reader shows them. */
export interface TaskIds {
  real: number;
  effective: number;
  saved: number;
  /** for access to files */
  fs: number;
}

/** /proc/PID/status (proc_pid_status(5)). Masks are bigint: bit N-1 is signal N, bit N is capability N. */
export interface ProcStatus {
  /** Cut to 15 bytes; see `comm` of stat-file.ts for names that are not text. */
  name: string;
  /** Not shown for tasks without a file system context (zombies). */
  umask: number | undefined;
  /** One letter: R, S, D, T, t, Z, X, I. */
  state: string;
  tgid: number;
  ngid: number;
  pid: Pid;
  ppid: Pid;
  tracerPid: number;
  uid: TaskIds;
  gid: TaskIds;
  fdSize: number;
  groups: number[];
  /** Ids in each pid namespace from the reader's inwards: the last is what the task sees itself. */
  nsTgid: number[];
  nsPid: number[];
  nsPgid: number[];
  nsSid: number[];
  kthread: boolean;
  threads: number;
  sigQueued: number;
  sigQueueLimit: number;
  /** Pending for this thread. */
  sigPnd: bigint;
  /** Pending for the process. */
  shdPnd: bigint;
  sigBlk: bigint;
  sigIgn: bigint;
  sigCgt: bigint;
  capInh: bigint;
  capPrm: bigint;
  capEff: bigint;
  capBnd: bigint;
  capAmb: bigint;
  noNewPrivs: boolean;
  /** SECCOMP_MODE_* */
  seccomp: number;
  seccompFilters: number;
  coreDumping: boolean;
  /** Whether transparent huge pages may be used (PR_SET_THP_DISABLE); undefined without memory or before Linux 5.0. */
  thpEnabled: boolean | undefined;
  cpusAllowedList: string;
  memsAllowedList: string;
  /** Kilobytes; undefined for a task without memory (zombie, kernel thread). */
  vmSizeKb: number | undefined;
  vmRssKb: number | undefined;
  vmLckKb: number | undefined;
  vmPinKb: number | undefined;
  vmDataKb: number | undefined;
  vmStkKb: number | undefined;
  vmSwapKb: number | undefined;
  /** Every line as it stands, by its name. */
  fields: ReadonlyMap<string, string>;
}

/** The text of a status file. */
export function parseStatus(text: string, source = 'status'): ProcStatus {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  const must = (name: string): string => {
    const value = fields.get(name);
    if (value === undefined) throw new ProcFileError(source, 'PROC_FORMAT', `has no line ${name}`);
    return value;
  };
  const number = (name: string): number => Number.parseInt(must(name), 10);
  const numberOr = <T>(name: string, otherwise: T): number | T => {
    const value = fields.get(name);
    return value === undefined ? otherwise : Number.parseInt(value, 10);
  };
  const numbers = (name: string): number[] => (fields.get(name) ?? '').split(/\s+/).filter(Boolean).map(Number);
  const mask = (name: string): bigint => BigInt(`0x${must(name)}`);
  const ids = (name: string): TaskIds => {
    const [real = 0, effective = 0, saved = 0, fs = 0] = numbers(name);
    return { real, effective, saved, fs };
  };
  const [queued = 0, limit = 0] = (fields.get('SigQ') ?? '0/0').split('/').map(Number);
  const umask = fields.get('Umask');
  const thp = fields.get('THP_enabled');
  // Only here is the name escaped, newline and backslash alone; its line must not be trimmed.
  const name = text.startsWith('Name:\t') ? text.slice(6, text.indexOf('\n')) : must('Name');
  return {
    name: name.replace(/\\(n|\\)/g, (_, c: string) => (c === 'n' ? '\n' : '\\')),
    umask: umask === undefined ? undefined : Number.parseInt(umask, 8),
    state: must('State').charAt(0),
    tgid: number('Tgid'),
    ngid: numberOr('Ngid', 0),
    pid: number('Pid'),
    ppid: number('PPid'),
    tracerPid: number('TracerPid'),
    uid: ids('Uid'),
    gid: ids('Gid'),
    fdSize: numberOr('FDSize', 0),
    groups: numbers('Groups'),
    nsTgid: numbers('NStgid'),
    nsPid: numbers('NSpid'),
    nsPgid: numbers('NSpgid'),
    nsSid: numbers('NSsid'),
    kthread: numberOr('Kthread', 0) === 1,
    threads: numberOr('Threads', 1),
    sigQueued: queued,
    sigQueueLimit: limit,
    sigPnd: mask('SigPnd'),
    shdPnd: mask('ShdPnd'),
    sigBlk: mask('SigBlk'),
    sigIgn: mask('SigIgn'),
    sigCgt: mask('SigCgt'),
    capInh: mask('CapInh'),
    capPrm: mask('CapPrm'),
    capEff: mask('CapEff'),
    capBnd: mask('CapBnd'),
    capAmb: BigInt(`0x${fields.get('CapAmb') ?? '0'}`),
    noNewPrivs: numberOr('NoNewPrivs', 0) === 1,
    seccomp: numberOr('Seccomp', 0),
    seccompFilters: numberOr('Seccomp_filters', 0),
    coreDumping: numberOr('CoreDumping', 0) === 1,
    thpEnabled: thp === undefined ? undefined : thp === '1',
    cpusAllowedList: fields.get('Cpus_allowed_list') ?? '',
    memsAllowedList: fields.get('Mems_allowed_list') ?? '',
    vmSizeKb: numberOr('VmSize', undefined),
    vmRssKb: numberOr('VmRSS', undefined),
    vmLckKb: numberOr('VmLck', undefined),
    vmPinKb: numberOr('VmPin', undefined),
    vmDataKb: numberOr('VmData', undefined),
    vmStkKb: numberOr('VmStk', undefined),
    vmSwapKb: numberOr('VmSwap', undefined),
    fields,
  };
}

/** The status of a process, or of one of its threads. @throws ProcGone */
export function readStatus(pid: Pid, tid?: Pid): ProcStatus {
  return parseStatus(readProcText(pid, 'status', tid), procPath(pid, 'status', tid));
}
