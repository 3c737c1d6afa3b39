/** What can be taken out of a set, each with what it is. Programs name them in `keep`. */
export const SCRUB_KINDS = {
  memory: 'pages of processes, of shared memory and memfds',
  environment: 'arguments and environment, where programs were given them',
  registers: 'registers of threads but for the instruction and stack pointers, flags and segments',
  data: 'what is in queues, pipes, terminals, deleted files, tmpfs and messages',
  paths: 'paths of files, mounts, sockets and cgroups',
  names: 'names of programs, hosts, devices and profiles',
  addresses: 'IP and hardware addresses',
} as const;

export type ScrubKind = keyof typeof SCRUB_KINDS;

/** How much of what was taken out, for the report: places, or bytes of memory, environment and data. */
export type ScrubCounts = Record<ScrubKind | 'secrets' | 'unknown' | 'unreadable', number>;

export const noCounts = (): ScrubCounts => ({
  memory: 0,
  environment: 0,
  registers: 0,
  data: 0,
  paths: 0,
  names: 0,
  addresses: 0,
  secrets: 0,
  unknown: 0,
  unreadable: 0,
});
