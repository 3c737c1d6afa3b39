import { CGROUP_DEFAULTS, type CgroupMode } from '../../image/cgroup-mode.js';
import type { CpuCap } from '../../image/cpu-features.js';
import { DUMP_DEFAULTS, RESTORE_DEFAULTS } from '../../run/options.js';

/** What the options ask for. */
export interface OptionValues {
  tree: number | undefined;
  imagesDir: string;
  workDir: string | undefined;
  logFile: string | undefined;
  /** 0 nothing, 1 errors, 2 warnings, 3 information, 4 everything. */
  verbosity: number;
  /** What becomes of the tasks in the end; undefined: dump ends them, restore lets them run. */
  finalState: 'running' | 'stopped' | undefined;
  shellJob: boolean;
  detached: boolean;
  sibling: boolean;
  pidfile: string | undefined;
  ghostLimitBytes: number;
  linkRemap: boolean;
  forceIrmap: boolean;
  irmapScanPaths: string[];
  evasiveDevices: boolean;
  extUnixSk: boolean;
  weakSysctls: boolean;
  externals: Map<string, string>;
  inheritFds: Map<string, number>;
  cgroups: {
    mode: CgroupMode;
    roots: Map<string, string>;
    yard: string | undefined;
    props: Map<string, { replace: boolean; files: readonly string[] }>;
    only: Set<string>;
  };
  /** Undefined: a dump refuses locks, a restore takes those of the images. */
  fileLocks: boolean | undefined;
  freezeCgroup: string | undefined;
  previousDir: string | undefined;
  skipInFlight: boolean;
  allowUprobes: boolean;
  tcpEstablished: boolean;
  tcpClose: boolean;
  networkLock: 'iptables' | 'nftables' | 'skip';
  fileValidation: 'filesize' | 'buildid' | 'none';
  skipRwxCheck: boolean;
  timeoutSec: number;
  sync: boolean;
  displayStats: boolean;
  /** Action scripts in the order in which they run: the last one given runs first, as for CRIU. */
  scripts: string[];
  /** What follows is a command to become. */
  execCmd: boolean;
  dryRun: boolean;
  /** The result is one JSON object on standard output. */
  json: boolean;
  /** What is compared of processors, and whether a dump writes and a restore reads cpuinfo.img. */
  cpuCap: { image: boolean; compared: Set<CpuCap> };
  features: string[];
  extra: boolean;
  experimental: boolean;
}

/** What holds when no option is given. */
export const defaultValues = (): OptionValues => ({
  tree: undefined,
  imagesDir: '.',
  workDir: undefined,
  logFile: undefined,
  verbosity: 2,
  finalState: undefined,
  shellJob: DUMP_DEFAULTS.shellJob,
  detached: false,
  sibling: false,
  pidfile: RESTORE_DEFAULTS.pidfile,
  ghostLimitBytes: DUMP_DEFAULTS.ghostLimitBytes,
  linkRemap: DUMP_DEFAULTS.linkRemap,
  forceIrmap: DUMP_DEFAULTS.forceIrmap,
  irmapScanPaths: [],
  evasiveDevices: DUMP_DEFAULTS.evasiveDevices,
  extUnixSk: DUMP_DEFAULTS.extUnixSk,
  weakSysctls: RESTORE_DEFAULTS.weakSysctls,
  externals: new Map(),
  inheritFds: new Map(),
  cgroups: { ...CGROUP_DEFAULTS, roots: new Map(), props: new Map(), only: new Set() },
  fileLocks: undefined,
  freezeCgroup: undefined,
  previousDir: undefined,
  skipInFlight: DUMP_DEFAULTS.skipInFlight,
  allowUprobes: DUMP_DEFAULTS.allowUprobes,
  tcpEstablished: DUMP_DEFAULTS.tcpEstablished,
  tcpClose: DUMP_DEFAULTS.tcpClose,
  networkLock: DUMP_DEFAULTS.networkLock,
  fileValidation: DUMP_DEFAULTS.fileValidation,
  skipRwxCheck: RESTORE_DEFAULTS.skipRwxCheck,
  timeoutSec: DUMP_DEFAULTS.timeoutSec,
  sync: DUMP_DEFAULTS.sync,
  displayStats: false,
  scripts: [],
  execCmd: false,
  dryRun: false,
  json: false,
  cpuCap: { image: false, compared: new Set(['fpu', 'ins']) },
  features: [],
  extra: false,
  experimental: false,
});
