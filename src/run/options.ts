import { CGROUP_DEFAULTS } from '../image/cgroup-mode.js';
import type { DumpOptions } from '../dump/context.js';
import type { RestoreOptions } from '../restore/context.js';

/** What a dump does unless it is asked for something else. */
export const DUMP_DEFAULTS = {
  leaveRunning: false,
  leaveStopped: false,
  shellJob: false,
  ghostLimitBytes: 1 << 20,
  linkRemap: false,
  forceIrmap: false,
  irmapScanPaths: [],
  evasiveDevices: false,
  extUnixSk: false,
  cpuinfo: false,
  externals: new Map<string, string>(),
  cgroups: CGROUP_DEFAULTS,
  fileLocks: false,
  skipInFlight: false,
  allowUprobes: false,
  tcpEstablished: false,
  tcpClose: false,
  networkLock: 'nftables',
  fileValidation: 'buildid',
  timeoutSec: 10,
  sync: false,
} as const satisfies Partial<DumpOptions>;

/** What a restore does unless it is asked for something else. */
export const RESTORE_DEFAULTS = {
  leaveStopped: false,
  shellJob: false,
  pidfile: undefined,
  cgroups: CGROUP_DEFAULTS,
  fileValidation: 'buildid',
  skipRwxCheck: false,
  extUnixSk: false,
  weakSysctls: false,
  cpuCaps: undefined,
  inheritFds: new Map<string, number>(),
  fileLocks: true,
  tcpEstablished: false,
  tcpClose: false,
  allowUprobes: false,
} as const satisfies Partial<RestoreOptions>;
