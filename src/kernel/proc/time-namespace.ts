import type { Pid } from '../../image/pid.js';
import { readFileSync } from 'node:fs';
import { readProcText } from './proc-file.js';

const NS_PER_SEC = 1_000_000_000n;

/** The two clocks that start with a boot (time_namespaces(7)), or offsets of theirs, in nanoseconds. */
export interface BootClocks {
  monotonicNs: bigint;
  boottimeNs: bigint;
}

const LINE = /^(monotonic|boottime)\s+(-?\d+)\s+(\d+)$/gm;

/** The text of timens_offsets: how far the clocks of a time namespace are ahead of the machine's. */
export function parseTimeOffsets(text: string): BootClocks {
  const offsets: BootClocks = { monotonicNs: 0n, boottimeNs: 0n };
  for (const [, clock, sec, nsec] of text.matchAll(LINE))
    offsets[clock === 'monotonic' ? 'monotonicNs' : 'boottimeNs'] = BigInt(sec!) * NS_PER_SEC + BigInt(nsec!);
  return offsets;
}

/** What is written to timens_offsets: the nanoseconds are never negative. */
export function formatTimeOffsets({ monotonicNs, boottimeNs }: BootClocks): string {
  const line = (clock: string, ns: bigint) => {
    const nsec = ((ns % NS_PER_SEC) + NS_PER_SEC) % NS_PER_SEC;
    return `${clock} ${(ns - nsec) / NS_PER_SEC} ${nsec}\n`;
  };
  return line('monotonic', monotonicNs) + line('boottime', boottimeNs);
}

/** Offsets of the time namespace that a process's children will be in. @throws ProcFileError NO_PROC_FILE before Linux 5.6 */
export function readTimeOffsets(pid: Pid): BootClocks {
  return parseTimeOffsets(readProcText(pid, 'timens_offsets'));
}

/** Offsets of crit's own; undefined on a kernel without time namespaces. */
export function ownTimeOffsets(): BootClocks | undefined {
  try {
    return parseTimeOffsets(readFileSync('/proc/self/timens_offsets', 'utf8'));
  } catch {
    return undefined;
  }
}
