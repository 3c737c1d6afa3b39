import type { SyscallName } from '../arch/index.js';
import { surelyAllowed, type FilterProgram } from '../kernel/seccomp-program.js';
import * as L from './generated/layout.js';

/**
 * What a process that seccomp restricts must not do when crit, which suspends that, is gone (layout.h):
 * - none: all that it likes;
 * - watch: go on with a batch;
 * - quiet: make any call but rt_sigreturn(2). Its area stays mapped, and descriptors that it was given stay open.
 */
export const GUARD = { none: 0, watch: L.DEATH_WATCH, quiet: L.DEATH_WATCH | L.DEATH_QUIET } as const;
export type Guard = (typeof GUARD)[keyof typeof GUARD];

/** The calls of a way home: of the blob, of cures, of frames. */
const WAY_HOME: readonly SyscallName[] = [
  'futex',
  'futex_waitv',
  'clock_gettime',
  'close',
  'setsockopt',
  'exit_group',
  'munmap',
  'rt_sigreturn',
];

/** How seccomp restricts a thread. */
export type Restriction = 'strict' | readonly FilterProgram[];

/** @param threads of a process, those that are restricted */
export function guardOf(threads: readonly Restriction[]): Guard {
  if (threads.length === 0) return GUARD.none;
  const free = threads.every(
    (filters) =>
      filters !== 'strict' && filters.every((program) => WAY_HOME.every((call) => surelyAllowed(program, call))),
  );
  return free ? GUARD.watch : GUARD.quiet;
}
