/** Numbers below are not handed out again once the kernel has come around (linux/pid.h, RESERVED_PIDS). */
const FIRST = 300;

/**
 * A number behind which so many are free of those that are wanted: beyond all of them if there is room, else the first
 * such place. undefined when there is none.
 */
export function findPidGap(wanted: Iterable<number>, pidMax: number, width: number): number | undefined {
  const sorted = [...new Set(wanted)].sort((a, b) => a - b);
  const last = sorted.at(-1) ?? 0;
  if (last + width < pidMax) return last;
  let before = FIRST;
  for (const pid of sorted) {
    if (pid - before > width) return before;
    before = Math.max(before, pid);
  }
  return undefined;
}

/** Whether one of the numbers that come next is wanted. */
export function meetsWanted(wanted: ReadonlySet<number>, last: number, pidMax: number, width: number): boolean {
  for (let i = 1; i <= width; i++) {
    const next = last + i;
    if (wanted.has(next < pidMax ? next : next - pidMax + FIRST)) return true;
  }
  return false;
}
