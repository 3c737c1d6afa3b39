import { room, type Questions } from './ask.js';
import { remaining } from './facts.js';
import { posixTimers } from './proc.js';

const NR_SIGNALS = 64;
const NR_LIMITS = 16;
/** sys/time.h, time.h: two pairs of seconds and a fraction: the interval and what is left. */
const TIMERS = { ITIMER_REAL: 0, ITIMER_VIRTUAL: 1, ITIMER_PROF: 2 } as const;
/** linux/membarrier.h */
const MEMBARRIER_QUERY = 0;
const MEMBARRIER_GET_REGISTRATIONS = 512;
const LDT_BYTES = 256;

const interval = (unit: bigint) => (view: DataView) =>
  String(view.getBigInt64(0, true) * 1_000_000_000n + view.getBigInt64(8, true) * unit);
const left = (unit: bigint) => (view: DataView) =>
  remaining(view.getBigInt64(16, true) * 1_000_000_000n + view.getBigInt64(24, true) * unit);

/** What a process has as a whole, by the calls that get it. */
export function askProcess(q: Questions, where: string, pid: number): void {
  const ask: Questions['ask'] = (what, ...call) => q.ask(`${where}/${what}`, ...call);
  ask('getpid', 'getpid');
  ask('getppid', 'getppid');
  ask('getpgid', 'getpgid', 0);
  ask('getsid', 'getsid', 0);
  ask('getpriority of the group', 'getpriority', 1, 0);
  ask('brk', 'brk', 0);
  ask('uname', 'uname', room(390));
  for (let i = 1; i <= NR_SIGNALS; i++) ask(`rt_sigaction ${i}`, 'rt_sigaction', i, null, room(32), 8);
  for (let i = 0; i < NR_LIMITS; i++) ask(`getrlimit ${i}`, 'getrlimit', i, room(16));
  for (const [name, which] of Object.entries(TIMERS)) {
    ask(`getitimer ${name}/interval`, 'getitimer', which, room(32, interval(1000n)));
    ask(`getitimer ${name}/left`, 'getitimer', which, room(32, left(1000n)));
  }
  for (const { id, text } of posixTimers(pid)) {
    q.ask(`${where}/timer ${id}/interval`, 'timer_gettime', id, room(32, interval(1n)));
    q.ask(`${where}/timer ${id}/left`, 'timer_gettime', id, room(32, left(1n)));
    q.ask(`${where}/timer ${id}/overrun`, 'timer_getoverrun', id);
    q.note(`${where}/timer ${id}/text`, text);
  }
  ask('membarrier commands', 'membarrier', MEMBARRIER_QUERY, 0, 0);
  ask('membarrier registrations', 'membarrier', MEMBARRIER_GET_REGISTRATIONS, 0, 0);
  ask('local descriptor table', 'modify_ldt', 0, room(LDT_BYTES), LDT_BYTES);
}
