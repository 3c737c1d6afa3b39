import type { Refuse } from './refuse.js';
import type { CgroupOptions } from '../image/cgroup-mode.js';
import type { CpuCap } from '../image/cpu-features.js';
import type { InheritedFds } from '../image/external.js';
import type { Messages } from '../image/generated/messages.js';
import type { Batch } from '../task/batch.js';
import type { LookupRoot } from '../task/lookup-root.js';
import type { Puppet } from '../task/puppet.js';
import type { Log } from '../image/log.js';
import type { ImagePid } from '../image/pid.js';
import type { MemoryImage } from './memory.js';

/**
 * How files are told to be unchanged (--file-validation): by size, by size and the build-id of programs and libraries, or
 * not by their content. Type, mode and owner are compared always.
 */
export type FileValidation = 'filesize' | 'buildid' | 'none';

/** What a restore was asked for; the command line (src/cli) and RPC fill it in. */
export interface RestoreOptions {
  imagesDir: string;
  shellJob: boolean;
  detached: boolean;
  sibling: boolean;
  leaveStopped: boolean;
  /** Where to write the root's pid, if anywhere. */
  pidfile: string | undefined;
  /** --manage-cgroups, --cgroup-* */
  cgroups: CgroupOptions;
  fileValidation: FileValidation;
  /** Permissions of reopened files are not compared. */
  skipRwxCheck: boolean;
  /** Unix sockets may be connected to processes outside the tree (--ext-unix-sk). */
  extUnixSk: boolean;
  /** What of the processor is compared with cpuinfo.img (--cpu-cap); undefined: nothing. */
  cpuCaps: ReadonlySet<CpuCap> | undefined;
  /** Sysctls that this kernel does not have are left out (--weak-sysctls). */
  weakSysctls: boolean;
  /** --inherit-fd */
  inheritFds: InheritedFds;
  /** Locks and leases on files are taken again. */
  fileLocks: boolean;
  /** --tcp-established: connections are restored. */
  tcpEstablished: boolean;
  /** --tcp-close: they are closed instead. */
  tcpClose: boolean;
  /** --allow-uprobes: the uprobes of the dump are here. */
  allowUprobes: boolean;
  /** Program and arguments that crit becomes once the tree runs (--exec-cmd). */
  execCmd: readonly string[] | undefined;
  action: (name: string) => void;
}

/** One task of the plan, and its puppet once it is there. */
export interface RestoreTask {
  readonly pid: ImagePid;
  /** Of its threads, leader first. */
  readonly tids: readonly ImagePid[];
  readonly entry: Messages['pstree_entry'];
  /** Cores of its threads, leader first. */
  readonly cores: readonly Messages['core_entry'][];
  readonly ids: Messages['task_kobj_ids_entry'] | undefined;
  readonly parent: RestoreTask | undefined;
  readonly children: RestoreTask[];
  puppet: Puppet | undefined;
  /** Puppets of its threads, leader first, once they are there. */
  readonly threads: readonly Puppet[];
  readonly memory: MemoryImage | undefined;
  batch(): Batch;
}

/** Everything the resources of a restore share. */
export interface RestoreContext {
  readonly options: RestoreOptions;
  readonly log: Log;
  readonly tasks: readonly RestoreTask[];
  readonly root: RestoreTask;
  /** Where the files of the tree are looked up. */
  readonly lookupRoot: LookupRoot;
  readonly refuse: Refuse;
  /** Whether a file that is not there yet will be when control groups are made. */
  readonly isYetToBeMade: (name: string) => boolean;
  readonly clocks: { aheadNs: (clockid: number) => bigint };
}
