import { nowMs } from '../image/clock.js';
import { sysRaw } from '../native/sys.js';

/** So often a thread that stops at once is looked for without a sleep in between: together a millisecond or so. */
const YIELDS = 1000;

/** Stops this thread of crit for less than a second. */
export function sleep(ms: number): void {
  sysRaw('nanosleep', new BigInt64Array([0n, BigInt(ms * 1e6)]), null);
}

/** Between two looks at a thread that stops any moment: it may wait for this processor. */
export function giveWay(round: number): void {
  if (round < YIELDS) sysRaw('sched_yield');
  else sleep(0.1);
}

/** Looks every `stepMs` until something is so. @returns false when it is not after `forMs` */
export function waitUntil(isSo: () => boolean, forMs: number, stepMs: number): boolean {
  const until = nowMs() + forMs;
  while (!isSo()) {
    if (nowMs() > until) return false;
    sleep(stepMs);
  }
  return true;
}
