import type { CgroupMode } from '../../image/cgroup-mode.js';
import type { CpuCap } from '../../image/cpu-features.js';
import type { Log } from '../../image/log.js';

/** How far long work is: `done` of `total`, in bytes or in pieces. */
export interface Progress {
  /** What goes on: "memory of process 1234", "processes restored". */
  readonly what: string;
  readonly done: number;
  readonly total: number;
}

/** How files are told to be unchanged: by size; by size and the build-id of programs and libraries; not by their content. */
export type FileValidation = 'filesize' | 'buildid' | 'none';

/** What all of dump, restore, plan and check take. */
export interface RunOptions {
  /** Gives the work up: all is as it was before, and the promise is rejected with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Where the engine says what it does: `console`, or any logger with these four methods. */
  readonly log?: Log | undefined;
}

/** What dump and restore take. */
export interface EngineOptions extends RunOptions {
  /** The directory of the images; it must be there. */
  readonly imagesDir: string;
  /** The tree belongs to a session that is not all in it: a job of a shell. Default: false. */
  readonly shellJob?: boolean | undefined;
  /** TCP connections are dumped and restored. Default: false, they are refused. */
  readonly tcpEstablished?: boolean | undefined;
  /** TCP connections come back closed. Default: false. */
  readonly tcpClose?: boolean | undefined;
  /** Unix sockets may be connected to processes outside the tree, and are connected again. Default: false, they are refused. */
  readonly extUnixSk?: boolean | undefined;
  /** Processes that uprobes were hit in; at restore the same probes must be there. Default: false, they are refused. */
  readonly allowUprobes?: boolean | undefined;
  /** In the end the processes are stopped, as by SIGSTOP. Default: false. */
  readonly leaveStopped?: boolean | undefined;
  /** What is done about control groups, as `--manage-cgroups` has it. Default: 'soft': those that are gone are made. */
  readonly cgroups?: CgroupMode | undefined;
  /** Where control groups go, or begin, by one controller of their hierarchy, '*' for all others. Default: as they are. */
  readonly cgroupRoots?: Readonly<Record<string, string>> | undefined;
  /** Default: 'buildid'. */
  readonly fileValidation?: FileValidation | undefined;
  /** Programs that are run at the moments of the work, in this order, as by `--action-script`. Default: none. */
  readonly actionScripts?: readonly string[] | undefined;
  /** Called while long work goes on; a caller who is behind misses some. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** What a dump is asked for; all but the first two have defaults. */
export interface DumpOptions extends EngineOptions {
  /** The process that is dumped, with all its descendants. */
  readonly pid: number;
  /** The processes run on. Default: false, they end. */
  readonly leaveRunning?: boolean | undefined;
  /** Largest deleted file that is copied into the images. Default: 1 MiB. */
  readonly ghostLimitBytes?: number | undefined;
  /** Files that have no name any more and other links get a name of their own while images need them. Default: false. */
  readonly linkRemap?: boolean | undefined;
  /** Names of watched files are searched for where their handles would do, too. Default: false. */
  readonly forceIrmap?: boolean | undefined;
  /** Directories in which names of watched files are searched for first. Default: none. */
  readonly irmapScanPaths?: readonly string[] | undefined;
  /** A device whose name leads elsewhere now may be opened by another name of it. Default: false. */
  readonly evasiveDevices?: boolean | undefined;
  /** The directory of a control group that stops the tree while it is seized, as `--freeze-cgroup`. Default: none. */
  readonly freezeCgroup?: string | undefined;
  /**
   * What belongs to somebody else and is left out: names for the restore ('' for none) by `unix[INODE]`,
   * `file[MOUNT:INODE]` or `tty[RDEV:DEV]` (hexadecimal), as `--external` has them. Default: none.
   * The set that this one adds to, as `--prev-images-dir`: a path from the images directory on. Pages that are the same
   * there are left out. Default: none, all pages are written.
   */
  readonly previousDir?: string | undefined;
  /**
   * What belongs to somebody else and is left out: names for the restore ('' for none) by `unix[INODE]` or
   * `file[MOUNT:INODE]` (hexadecimal), as `--external` has them. Default: none.
   */
  readonly externals?: Readonly<Record<string, string>> | undefined;
  /** Keeps what this processor can do, in cpuinfo.img. Default: false. */
  readonly cpuinfo?: boolean | undefined;
  /** Locks and leases on files are dumped. Default: false, they are refused. */
  readonly fileLocks?: boolean | undefined;
  /** TCP connections that wait to be accepted are left out: the other side finds them reset. Default: false. */
  readonly skipInFlight?: boolean | undefined;
  /** How the network is locked for TCP connections until they are restored. Default: 'nftables'. */
  readonly networkLock?: 'nftables' | 'iptables' | 'skip' | undefined;
  /** How long stopping the tree may take; 0 for ever. Default: 10. */
  readonly timeoutSec?: number | undefined;
  /** The images are on the disk before any process is ended. Default: false. */
  readonly sync?: boolean | undefined;
}

/** What a restore is asked for; all but the directory has defaults. */
export interface RestoreOptions extends EngineOptions {
  /** A file that is made with the pid of the root process in it. Default: none. */
  readonly pidfile?: string | undefined;
  /** Sysctls of namespaces that this kernel does not have are left out. Default: false, they are refused. */
  readonly weakSysctls?: boolean | undefined;
  /** Descriptors of this program that stand for files of the images, by their names there, as `--inherit-fd`. Default: none. */
  readonly inheritFds?: Readonly<Record<string, number>> | undefined;
  /** What of the processor is compared with cpuinfo.img, as `--cpu-cap`. Default: nothing. */
  readonly cpuCaps?: readonly CpuCap[] | undefined;
  /** Permissions of reopened files are not compared. Default: false. */
  readonly skipRwxCheck?: boolean | undefined;
  /** Locks and leases on files are taken again. Default: true. */
  readonly fileLocks?: boolean | undefined;
}

/** What a check is asked for. */
export interface CheckOptions extends RunOptions {
  /** Features that CRIU uses when they are there, too. Default: false. */
  readonly extra?: boolean | undefined;
  /** Features that are experimental in CRIU, too. Default: false. */
  readonly experimental?: boolean | undefined;
}
