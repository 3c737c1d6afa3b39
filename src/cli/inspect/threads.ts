import { addressWords, timeWords } from '../words.js';
import { byLine } from './section.js';

export const threads = byLine(
  'THREADS',
  ({ threads }) =>
    (threads ?? []).map((thread) => [
      thread.tid,
      thread.comm,
      thread.policy,
      thread.priority || thread.nice,
      thread.syscall,
      thread.ip && addressWords(thread.ip),
      thread.sp && addressWords(thread.sp),
      thread.seccomp === 'disabled' ? '' : thread.seccomp,
    ]),
  ['TID', 'NAME', 'POLICY', 'NICE', 'SYSCALL', 'IP', 'SP', 'SECCOMP'],
  [0, 3, 4],
);

export const timers = byLine(
  'TIMERS',
  ({ timers }) =>
    (timers ?? []).map((timer) => [
      timer.kind,
      timer.id,
      timer.clock.replace(/^CLOCK_/, '').toLowerCase(),
      timer.leftSec === undefined ? 'not armed' : timeWords(timer.leftSec),
      timer.intervalSec === undefined ? 'once' : timeWords(timer.intervalSec),
      timer.signal,
      timer.tid,
      timer.overrun || '',
    ]),
  ['KIND', 'ID', 'CLOCK', 'LEFT', 'INTERVAL', 'SIGNAL', 'THREAD', 'OVERRUN'],
  [],
);
