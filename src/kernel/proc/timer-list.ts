import { readFileSync } from 'node:fs';

/** A high-resolution timer that is running, as /proc/timer_list shows it: of nobody knows whom. */
export interface RunningTimer {
  /** The timer's address, hashed: the same one as long as it runs. */
  id: string;
  /** What it calls: hrtimer_wakeup when a task sleeps for it. */
  callback: string;
  /** Nanoseconds until it goes off, and how much later it may. */
  leftNs: bigint;
  slackNs: bigint;
}

const NOW = /^now at (\d+) nsecs$/m;
const OFFSET = /^\s*\.offset:\s+(\d+) nsecs$/;
const TIMER = /^ #\d+: <([^>]+)>, (\w+), /;
const EXPIRES = /^ # expires at (\d+)-(\d+) nsecs /;

/** The text of /proc/timer_list, all processors and clocks. */
export function parseTimerList(text: string): RunningTimer[] {
  const timers: RunningTimer[] = [];
  const now = BigInt(NOW.exec(text)?.[1] ?? 0);
  let offset = 0n;
  let timer: RegExpExecArray | null = null;
  for (const line of text.split('\n')) {
    offset = BigInt(OFFSET.exec(line)?.[1] ?? offset);
    const expires = timer && EXPIRES.exec(line);
    if (timer && expires) {
      const [soft, hard] = [BigInt(expires[1]!), BigInt(expires[2]!)];
      timers.push({ id: timer[1]!, callback: timer[2]!, leftNs: soft - now - offset, slackNs: hard - soft });
    }
    timer = TIMER.exec(line);
  }
  return timers;
}

/** Nothing where the file is not to be read (a container that hides it). */
export function readTimerList(): RunningTimer[] {
  try {
    return parseTimerList(readFileSync('/proc/timer_list', 'utf8'));
  } catch {
    return [];
  }
}
