import { hasCapability } from '../kernel/uapi/capability.js';
import { PTRACE_SECCOMP_GET_FILTER, PTRACE_SECCOMP_GET_METADATA } from '../kernel/uapi/ptrace.js';
import { readStatus, type ProcStatus } from '../kernel/proc/status.js';
import { asksSupervisor, type FilterProgram } from '../kernel/seccomp-program.js';
import {
  BPF_MAXINSNS,
  SECCOMP_METADATA_BYTES,
  SECCOMP_MODE_DISABLED,
  SECCOMP_MODE_FILTER,
} from '../kernel/uapi/seccomp.js';
import { SOCK_FILTER_BYTES } from '../kernel/uapi/socket-options.js';
import { answer, sysRaw } from '../native/sys.js';
import type { Restriction } from '../task/guard.js';
import { refusedThread } from './refuse-thread.js';

/** What restricts a thread: filters in the order in which they were added. */
export interface ThreadSeccomp {
  readonly mode: number;
  readonly filters: readonly { readonly program: FilterProgram; readonly flags: number }[];
}

/** As what decides over the way home sees it. */
export const restrictionOf = ({ mode, filters }: ThreadSeccomp): Restriction =>
  mode === SECCOMP_MODE_FILTER ? filters.map(({ program }) => program) : 'strict';

/** Reads the filters of a stopped thread. @throws CritError UNSUPPORTED for what cannot be carried, or not by this crit */
export function peekSeccomp(pid: number, tid: number, { seccomp: mode }: ProcStatus): ThreadSeccomp | undefined {
  if (mode === SECCOMP_MODE_DISABLED) return undefined;
  const own = readStatus(process.pid);
  if (!hasCapability(own.capEff, 'CAP_SYS_ADMIN') || own.seccomp !== SECCOMP_MODE_DISABLED)
    throw refusedThread(
      pid,
      tid,
      'is restricted by seccomp, which only a crit with CAP_SYS_ADMIN that is not restricted itself can suspend',
    );
  const filters: { program: FilterProgram; flags: number }[] = [];
  if (mode === SECCOMP_MODE_FILTER)
    for (let program; (program = filterAt(tid, filters.length));) {
      if (asksSupervisor(program))
        throw refusedThread(pid, tid, 'has a seccomp filter that asks a supervisor (SECCOMP_RET_USER_NOTIF)');
      filters.push({ program, flags: flagsAt(tid, filters.length) });
    }
  return { mode, filters };
}

/** @param index from the one that was added first @returns undefined behind the last */
function filterAt(tid: number, index: number): FilterProgram | undefined {
  const room = new Uint8Array(BPF_MAXINSNS * SOCK_FILTER_BYTES);
  const count = sysRaw('ptrace', PTRACE_SECCOMP_GET_FILTER, tid, index, room);
  const got = answer('ptrace', count, ['ENOENT'], `SECCOMP_GET_FILTER of task ${tid}`);
  return got === undefined ? undefined : room.slice(0, got * SOCK_FILTER_BYTES);
}

/** Whether it logs. Since Linux 4.16. */
function flagsAt(tid: number, index: number): number {
  const words = new BigUint64Array([BigInt(index), 0n]);
  const r = sysRaw('ptrace', PTRACE_SECCOMP_GET_METADATA, tid, SECCOMP_METADATA_BYTES, words);
  if (answer('ptrace', r, ['EIO'], `SECCOMP_GET_METADATA of task ${tid}`) === undefined) return 0;
  return Number(words[1]! & 0xffffffffn);
}
