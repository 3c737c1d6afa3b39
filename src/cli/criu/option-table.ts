/** Whether crit does what the option asks for; one that it cannot do yet is refused, never ignored. */
export type Support = 'yes' | 'not yet';

/** An option of CRIU 4.2's command line. The facts are those of CRIU's config.c and criu(8). */
export interface CriuOption {
  /** Long name, without dashes. */
  readonly name: string;
  /** One letter. */
  readonly short?: string;
  readonly argument: 'none' | 'required' | 'optional';
  /** What the argument is called in the help. */
  readonly value?: string;
  /** There is a --no-NAME too, which takes the option back. */
  readonly negatable?: boolean;
  readonly support: Support;
  /** For the help and docs/criu-options.md. */
  readonly what: string;
  /** Absent in CRIU. */
  readonly ours?: boolean;
}

type Extra = Partial<Pick<CriuOption, 'short' | 'value' | 'negatable' | 'ours'>>;

const row =
  (argument: CriuOption['argument'], support: Support) =>
  (name: string, what: string, extra: Extra = {}): CriuOption => ({ name, argument, support, what, ...extra });

const flag = row('none', 'yes');
const takes = row('required', 'yes');
const mayTake = row('optional', 'yes');
const laterFlag = row('none', 'not yet');
const laterTakes = row('required', 'not yet');
const laterMayTake = row('optional', 'not yet');

const no = { negatable: true } as const;

/** Every option of CRIU 4.2, and crit's own, in the order of docs/criu-options.md. */
export const OPTIONS: readonly CriuOption[] = [
  takes('tree', 'the process whose tree is dumped', { short: 't', value: 'PID' }),
  takes('images-dir', 'the directory of the images (default: the current one)', { short: 'D', value: 'DIR' }),
  takes('work-dir', 'where logs, pidfiles and statistics go (default: the images)', { short: 'W', value: 'DIR' }),
  takes('log-file', 'the log; "-" is standard output (default: standard error)', { short: 'o', value: 'FILE' }),
  mayTake('verbosity', '-v1 errors, -v2 warnings, -v3 information, -v4 everything; each further v adds one', {
    short: 'v',
    value: 'NUM',
  }),
  flag('display-stats', 'print what the run cost', no),
  takes('pidfile', "write the root task's pid into a file that does not exist yet", { value: 'FILE' }),
  takes('action-script', 'a program that runs at the named moments; may be given several times', { value: 'FILE' }),
  takes('config', 'read this configuration file instead of the default ones', { value: 'FILE' }),
  flag('json', 'dump, restore, check: the result, or the error with its code, as JSON on standard output', {
    ours: true,
  }),
  flag('no-default-config', 'read no default configuration files'),
  flag('help', 'print help', { short: 'h' }),
  flag('version', 'print the version', { short: 'V' }),

  flag('leave-running', 'dump: let the tasks run on', { short: 'R' }),
  flag('leave-stopped', 'leave the tasks stopped', { short: 's' }),
  flag('shell-job', 'the session and the terminal are those of crit', { short: 'j', negatable: true }),
  flag('restore-detached', 'restore: do not wait for the tasks', { short: 'd', negatable: true }),
  flag('restore-sibling', 'restore: the root task becomes a child of the parent of crit; needs -d', {
    short: 'S',
    negatable: true,
  }),
  flag('exec-cmd', 'restore: become the command behind "--", as parent of the restored tasks'),
  flag('dry-run', 'dump: list what would be refused, stop nothing; restore: print the plan, start nothing', {
    ours: true,
  }),
  takes('ghost-limit', 'the largest deleted file that goes into the images: bytes, or with K, M, G (default 1M)', {
    value: 'SIZE',
  }),
  flag('link-remap', 'deleted files that have other names may be linked back', no),
  flag('evasive-devices', 'any path to a device will do when the one it was opened by is gone', no),
  takes('file-validation', 'size of reopened files: filesize; and build-id: buildid (default); crit only: none', {
    value: 'METHOD',
  }),
  flag('skip-file-rwx-check', 'restore: do not compare permissions of files', no),
  takes('timeout', 'dump: seconds until freezing the tree is given up, 0 for never (default 10)', { value: 'SECONDS' }),
  flag('sync', 'dump: bring the images to the disk before the processes are ended', { negatable: true, ours: true }),

  takes('feature', 'check: one feature of the kernel; "list" names them', { value: 'NAME' }),
  flag('extra', 'check: also what only some trees need', no),
  flag('experimental', 'check: also what is experimental', no),
  flag('all', 'check: --extra --experimental'),

  laterFlag('daemon', 'page-server, lazy-pages, service: run in the background', no),
  laterFlag('log-pid', 'one log file per process', no),
  laterFlag('file-locks', 'file locks', { short: 'l', negatable: true }),
  laterFlag('tcp-established', 'established TCP connections', no),
  laterFlag('skip-in-flight', 'leave out TCP connections that are not established yet', no),
  laterFlag('tcp-close', 'TCP connections are closed when restored', no),
  laterTakes('network-lock', 'how the network is locked', { value: 'METHOD' }),
  laterMayTake('ext-unix-sk', 'unix sockets whose peer is outside the tree', { short: 'x', value: 'INODE' }),
  laterTakes('external', 'objects that are not part of the tree', { value: 'RES' }),
  laterTakes('inherit-fd', "descriptors of crit's that stand for such objects", { value: 'fd[N]:RES' }),
  laterTakes('ext-mount-map', 'mounts that come from outside', { short: 'M', value: 'KEY:VALUE' }),
  laterFlag('enable-external-sharing', 'shared mounts from outside'),
  laterFlag('enable-external-masters', 'slave mounts from outside'),
  laterTakes('veth-pair', 'names of veth devices', { value: 'IN=OUT' }),
  laterTakes('join-ns', 'restore into an existing namespace', { short: 'J', value: 'NS:PID-OR-FILE' }),
  laterTakes('empty-ns', 'create a namespace without its content', { value: 'net' }),
  laterTakes('root', 'the root of the mount namespace', { short: 'r', value: 'PATH' }),
  laterTakes('skip-mnt', 'leave a mount out', { value: 'PATH' }),
  laterTakes('enable-fs', 'file systems to be mounted by name', { value: 'NAMES' }),
  laterFlag('mntns-compat-mode', 'the older way of restoring mounts', no),
  laterTakes('lsm-profile', 'the LSM profile of restored tasks', { value: 'TYPE:NAME' }),
  laterTakes('lsm-mount-context', 'the LSM context of restored mounts', { value: 'CONTEXT' }),
  mayTake('manage-cgroups', 'soft (the default): back into control groups that are there; ignore: leave them alone', {
    value: 'MODE',
  }),
  laterTakes('cgroup-root', 'where the control groups are', { value: '[CONTROLLER:]PATH' }),
  laterTakes('cgroup-props', 'which properties of control groups are kept', { value: 'SPEC' }),
  laterTakes('cgroup-props-file', 'the same, from a file', { value: 'FILE' }),
  laterTakes('cgroup-dump-controller', 'dump this controller only', { value: 'NAME' }),
  laterTakes('cgroup-yard', 'where control groups are mounted already', { value: 'PATH' }),
  laterTakes('freeze-cgroup', 'freeze the tree by a control group', { value: 'PATH' }),
  laterFlag('weak-sysctls', 'leave out sysctls that this kernel does not have', no),
  laterFlag('force-irmap', 'find watched files by searching for their inodes', no),
  laterTakes('irmap-scan-path', 'where to search for them', { value: 'PATH' }),
  laterFlag('ghost-fiemap', 'find holes of deleted files by FIEMAP', no),
  laterMayTake('cpu-cap', 'which features of the processor must match', { value: 'CAP' }),
  laterFlag('allow-uprobes', 'trees with uprobes', no),
  laterTakes('libdir', 'where plugins are', { short: 'L', value: 'DIR' }),
  laterTakes('close', 'close this descriptor first', { value: 'FD' }),
  laterFlag('deprecated', 'allow what is deprecated', no),
  laterFlag('ms', 'deprecated since long'),
  laterFlag('unprivileged', 'run without being root', no),

  laterFlag('track-mem', 'track what is written after this dump', no),
  laterTakes('prev-images-dir', 'the dump that this one adds to', { value: 'DIR' }),
  laterFlag('auto-dedup', 'free pages of the images that are not needed any more', no),
  laterTakes('pre-dump-mode', 'how pre-dump reads memory', { value: 'MODE' }),
  laterFlag('page-server', 'send pages to a page server', no),
  laterFlag('lazy-pages', 'restore pages on demand'),
  laterFlag('stream', 'images through criu-image-streamer', no),
  laterTakes('address', 'where the page server listens', { value: 'ADDRESS' }),
  laterTakes('port', 'its port', { value: 'PORT' }),
  laterTakes('ps-socket', 'its connection, as a descriptor', { value: 'FD' }),
  laterTakes('status-fd', 'tell here when the server is ready', { value: 'FD' }),
  laterFlag('tls', 'encrypt the connection', no),
  laterTakes('tls-cacert', 'certificate authority', { value: 'FILE' }),
  laterTakes('tls-cacrl', 'revoked certificates', { value: 'FILE' }),
  laterTakes('tls-cert', 'certificate', { value: 'FILE' }),
  laterTakes('tls-key', 'private key', { value: 'FILE' }),
  laterFlag('tls-no-cn-verify', "do not compare the server's name"),
];
