import { CritError } from '../image/errors.js';
import { shortPointers } from './program-kind.js';
import type { ProcStatus } from '../kernel/proc/status.js';

/** What about a thread cannot be dumped. */
export const refusedThread = (pid: number, tid: number, what: string): CritError =>
  new CritError(`task ${tid} of process ${pid} ${what}: not supported`, { code: 'UNSUPPORTED' });

/** What the status of a thread says that cannot be dumped; nothing need be stopped for it. */
export function* refusedByStatus(pid: number, tid: number, status: ProcStatus): Generator<CritError> {
  // Linux 6.6
  if (/\bshstk\b/.test(status.fields.get('x86_Thread_features') ?? ''))
    yield refusedThread(pid, tid, 'uses a shadow stack');
}

/** What the program of a process is that cannot be dumped. @throws the error of node:fs when it cannot be read */
export function* refusedProgram(pid: number, comm: string): Generator<CritError> {
  const kind = shortPointers(`/proc/${pid}/exe`);
  if (kind !== undefined)
    yield new CritError(`process ${pid} (${comm}) is ${kind}: crit dumps 64-bit programs only`, {
      code: 'UNSUPPORTED',
    });
}

/** A debugger has a thread, which can have one only. */
export const tracedThread = (pid: number, tid: number, tracer: number, cause?: unknown): CritError =>
  new CritError(
    `task ${tid} of process ${pid} is traced by process ${tracer} already (a debugger, strace or another dump): end that first`,
    { code: 'TRACED', ...(cause === undefined ? {} : { cause }) },
  );

/** A leader that has ended while other threads run on looks like a zombie, and is none. */
export const deadLeader = (pid: number, comm: string): CritError =>
  new CritError(`the main thread of process ${pid} (${comm}) has ended, others run on: not supported`, {
    code: 'UNSUPPORTED',
  });

/** A parent of vfork(2) does not stop before its child executes a program or ends. */
export const cannotStop = (tid: number, state: string, vfork: boolean): CritError =>
  new CritError(
    `task ${tid} could not be stopped in time (state ${state}): ${vfork ? 'it waits until a child that it made by vfork(2) executes a program or ends' : 'see --timeout'}`,
    { code: 'TIMEOUT' },
  );
