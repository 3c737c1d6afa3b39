import type { Log } from '../image/log.js';
import type { Pid } from '../image/pid.js';
import type { CgroupOptions } from '../image/cgroup-mode.js';
import type { Externals } from '../image/external.js';
import type { Messages } from '../image/generated/messages.js';
import type { ImageType } from '../image/catalogue.js';
import type { Borrowed } from '../task/borrow.js';
import type { BorrowedThread } from '../task/borrowed-thread.js';
import type { Batch } from '../task/batch.js';
import type { LookupRoot } from '../task/lookup-root.js';
import type { Puppet } from '../task/puppet.js';
import type { MapEntry } from '../kernel/proc/maps.js';
import type { ProcStatus } from '../kernel/proc/status.js';
import type { FrozenTask } from './freeze.js';
import type { Freezer } from './freezer.js';
import type { ImageSink, OutEntry } from './image-sink.js';
import type { PeekedThread } from './peek.js';
import type { PreviousSet } from './previous-set.js';
import type { Stats } from '../image/stats.js';

/** What a dump was asked for; the command line (src/cli) and RPC fill it in. */
export interface DumpOptions {
  pid: Pid;
  imagesDir: string;
  leaveRunning: boolean;
  leaveStopped: boolean;
  shellJob: boolean;
  /** Largest deleted file that is copied into the images, bytes. */
  ghostLimitBytes: number;
  linkRemap: boolean;
  /** Names of watched files are searched for where their handles would do, too (--force-irmap). */
  forceIrmap: boolean;
  /** Where they are searched for first (--irmap-scan-path). */
  irmapScanPaths: readonly string[];
  /** Connections that nobody has accepted yet are left out. */
  skipInFlight: boolean;
  /** Processes that uprobes were hit in are dumped: who restores them has the same probes. */
  allowUprobes: boolean;
  /** --tcp-established: connections are dumped. */
  tcpEstablished: boolean;
  /** --tcp-close: they are restored closed. */
  tcpClose: boolean;
  /** --network-lock: how segments are kept away from connections until they are restored. */
  networkLock: 'iptables' | 'nftables' | 'skip';
  evasiveDevices: boolean;
  /** Unix sockets may be connected to processes outside the tree (--ext-unix-sk). */
  extUnixSk: boolean;
  /** --external */
  externals: Externals;
  /** --manage-cgroups, --cgroup-* */
  cgroups: CgroupOptions;
  /** --freeze-cgroup: the directory of a control group that stops the tree while it is seized. */
  freezeCgroup?: string | undefined;
  /** Locks and leases on files are dumped; without, they are refused. */
  fileLocks: boolean;
  /** Which facts a restore compares: with "buildid" build-ids are read as well. */
  fileValidation: 'filesize' | 'buildid' | 'none';
  /** Keep what this processor can do (--cpu-cap). */
  cpuinfo: boolean;
  /** --prev-images-dir: as it was given, from the images directory on. */
  previousDir?: string | undefined;
  /** Seconds until a dump that did not freeze its tree gives up; 0 for never. */
  timeoutSec: number;
  /** The images are on the disk before any process is ended (default: no). */
  sync?: boolean;
  /** Runs at the named moments of the dump ("post-dump", ...); throws when an action script fails. */
  action: (name: string) => void;
}

/** One process of the tree while it is borrowed. */
export interface DumpTask {
  readonly pid: Pid;
  /** Thread ids, leader first, as `threads`. */
  readonly tids: readonly Pid[];
  readonly borrowed: Borrowed;
  readonly puppet: Puppet;
  readonly threads: readonly BorrowedThread[];
  /** What was read of each thread before it ran the blob, as `threads`. */
  readonly peeked: readonly PeekedThread[];
  /** Read in the stop, before the area was mapped (so it has no mapping of crit's). */
  readonly maps: readonly MapEntry[];
  readonly status: ProcStatus;
  /** By seccomp: it is to do little, and so is a copy of it. */
  readonly restricted: boolean;
  readonly frozen: FrozenTask;
  /** The batch of the leader's puppet. */
  batch(): Batch;
}

/** Ids of what tasks share (ids.img) begin behind those that stand for crit's own (namespaces.ts). */
export const FIRST_ID = 2;

/** What the resources of a dump share. */
export interface DumpContext {
  readonly options: DumpOptions;
  readonly log: Log;
  readonly stats: Stats;
  /** Where the names of the tree are looked up. */
  readonly lookupRoot: LookupRoot;
  /** The processes that are borrowed, parents before their children. */
  readonly tasks: readonly DumpTask[];
  /** The control group that the tree is stopped by. */
  freezer?: Freezer | undefined;
  /** The set that this one adds to. */
  readonly previous?: PreviousSet | undefined;
  /** The tree runs (a survey): nothing of it may be changed. */
  readonly running: boolean;
  /** Is told of what cannot be dumped: throws it; in a survey, where all of it is wanted, keeps it. */
  readonly refuse: (obstacle: unknown) => void;
  /** Where images go at once: those of what changes when the tree runs again. */
  readonly images: ImageSink;
  /** Has one whole image written when the tree runs again, if it is to. */
  readonly write: (type: ImageType, id: number | undefined, entries: Iterable<OutEntry>) => void;
}

export type Entry<K extends keyof Messages> = Messages[K];
