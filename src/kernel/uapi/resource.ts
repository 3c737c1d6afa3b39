/** asm-generic/resource.h: getrlimit(2), prlimit64(2). */
export const RLIMITS = {
  RLIMIT_CPU: 0,
  RLIMIT_FSIZE: 1,
  RLIMIT_DATA: 2,
  RLIMIT_STACK: 3,
  RLIMIT_CORE: 4,
  RLIMIT_RSS: 5,
  RLIMIT_NPROC: 6,
  RLIMIT_NOFILE: 7,
  RLIMIT_MEMLOCK: 8,
  RLIMIT_AS: 9,
  RLIMIT_LOCKS: 10,
  RLIMIT_SIGPENDING: 11,
  RLIMIT_MSGQUEUE: 12,
  RLIMIT_NICE: 13,
  RLIMIT_RTPRIO: 14,
  RLIMIT_RTTIME: 15,
} as const;

export type RlimitName = keyof typeof RLIMITS;

export const RLIM_NLIMITS = 16;
export const RLIM_INFINITY = 0xffffffffffffffffn;

/** struct rlimit64: two u64, offsets in bytes. */
export const RLIMIT64 = { cur: 0, max: 8 } as const;

export const RLIMIT64_BYTES = 16;

const NAMES = Object.keys(RLIMITS) as RlimitName[];

/** 7 for "NOFILE" and "RLIMIT_NOFILE". */
export function rlimitNumber(name: string): number | undefined {
  const index = NAMES.indexOf(`RLIMIT_${name.replace(/^RLIMIT_/, '')}` as RlimitName);
  return index < 0 ? undefined : index;
}

/** "RLIMIT_NOFILE" for 7. */
export function rlimitName(resource: number): string {
  return NAMES[resource] ?? `rlimit ${resource}`;
}
