import { closeSync } from 'node:fs';
import path from 'node:path';
import { parseCgroupProps, parseCgroupRoot, readCgroupProps } from './cgroup-values.js';
import { COMMANDS, type CriuCommand } from './command-table.js';
import type { OptionValues } from './option-values.js';
import {
  parseCgroupMode,
  parseCount,
  parseCpuCap,
  parseExternal,
  parseInheritFd,
  parseName,
  parseNetworkLock,
  parseOwnFd,
  parsePid,
  parsePreDumpMode,
  parseSize,
  parseUnixInodes,
  parseValidation,
  parseVerbosity,
} from './values.js';

/** Whether crit does what the option asks for; one that it cannot do yet is refused, never ignored. */
export type Support = 'yes' | 'not yet';

/** Sets what the option asks for. @param as how it was written, for messages */
type Setter = (values: OptionValues, argument: string | undefined, on: boolean, as: string) => void;

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
  /** The commands that it means something to, where `what` does not begin with them. */
  readonly of?: readonly CriuCommand[];
  /** Absent in CRIU. */
  readonly ours?: boolean;
  /** Absent where the option is dealt with before others are read. */
  readonly set?: Setter;
}

type Extra = Partial<Pick<CriuOption, 'short' | 'value' | 'negatable' | 'of' | 'ours'>>;

const row =
  (argument: CriuOption['argument']) =>
  (name: string, what: string, set: Setter | undefined, extra: Extra = {}): CriuOption => ({
    name,
    argument,
    support: 'yes',
    what,
    ...extra,
    ...(set ? { set } : {}),
  });
const laterRow =
  (argument: CriuOption['argument']) =>
  (name: string, what: string, extra: Extra = {}): CriuOption => ({
    name,
    argument,
    support: 'not yet',
    what,
    ...extra,
  });

const flag = row('none');
const takes = row('required');
const mayTake = row('optional');
const laterFlag = laterRow('none');
const laterTakes = laterRow('required');

type FlagName = { [Name in keyof OptionValues]: OptionValues[Name] extends boolean ? Name : never }[keyof OptionValues];

const turns =
  (name: FlagName): Setter =>
  (values, _argument, on) => {
    values[name] = on;
  };

const reads =
  <Name extends keyof OptionValues>(name: Name, read: (text: string, as: string) => OptionValues[Name]): Setter =>
  (values, argument, _on, as) => {
    values[name] = read(argument ?? '', as);
  };

const no = { negatable: true } as const;

/** Every option of CRIU 4.2, and crit's own, in the order of docs/criu-options.md. */
export const OPTIONS: readonly CriuOption[] = [
  takes('tree', 'the process whose tree is dumped', reads('tree', parsePid), {
    short: 't',
    value: 'PID',
    of: ['dump'],
  }),
  takes('images-dir', 'the directory of the images (default: the current one)', reads('imagesDir', parseName), {
    short: 'D',
    value: 'DIR',
    of: ['dump', 'restore', 'cpuinfo'],
  }),
  takes('work-dir', 'where logs, pidfiles and statistics go (default: the images)', reads('workDir', parseName), {
    short: 'W',
    value: 'DIR',
  }),
  takes('log-file', 'the log; "-" is standard output (default: standard error)', reads('logFile', parseName), {
    short: 'o',
    value: 'FILE',
  }),
  mayTake(
    'verbosity',
    '-v1 errors, -v2 warnings, -v3 information, -v4 everything; each further v adds one',
    (v, level, _, as) => (v.verbosity = parseVerbosity(level, v.verbosity, as)),
    { short: 'v', value: 'NUM', of: COMMANDS },
  ),
  flag('display-stats', 'print what the run cost', turns('displayStats'), no),
  takes('pidfile', "write the root task's pid into a file that does not exist yet", reads('pidfile', parseName), {
    value: 'FILE',
    of: ['restore'],
  }),
  takes(
    'action-script',
    'a program that runs at the named moments; may be given several times',
    (v, name, _, as) => v.scripts.unshift(parseName(name ?? '', as)),
    { value: 'FILE' },
  ),
  takes('config', 'read this configuration file instead of the default ones', undefined, {
    value: 'FILE',
    of: COMMANDS,
  }),
  flag(
    'json',
    'dump, restore, check, cpuinfo: the result, or the error with its code, as JSON on standard output',
    turns('json'),
    {
      ours: true,
    },
  ),
  flag('no-default-config', 'read no default configuration files', undefined, { of: COMMANDS }),
  flag('help', 'print help', undefined, { short: 'h', of: COMMANDS }),
  flag('version', 'print the version', undefined, { short: 'V', of: COMMANDS }),

  flag('leave-running', 'dump: let the tasks run on', (v) => (v.finalState = 'running'), { short: 'R' }),
  flag('leave-stopped', 'leave the tasks stopped', (v) => (v.finalState = 'stopped'), { short: 's' }),
  flag('shell-job', 'the session and the terminal are those of crit', turns('shellJob'), {
    short: 'j',
    negatable: true,
  }),
  flag('restore-detached', 'restore: do not wait for the tasks', turns('detached'), { short: 'd', negatable: true }),
  flag('restore-sibling', 'restore: the root task becomes a child of the parent of crit; needs -d', turns('sibling'), {
    short: 'S',
    negatable: true,
  }),
  flag('exec-cmd', 'restore: become the command behind "--", as parent of the restored tasks', turns('execCmd')),
  flag(
    'dry-run',
    'dump: list what would be refused, stop nothing; restore: print the plan, start nothing',
    turns('dryRun'),
    {
      ours: true,
    },
  ),
  takes(
    'ghost-limit',
    'the largest deleted file that goes into the images: bytes, or with K, M, G (default 1M)',
    reads('ghostLimitBytes', parseSize),
    { value: 'SIZE', of: ['dump'] },
  ),
  flag('link-remap', 'deleted files that have other names may be linked back', turns('linkRemap'), {
    ...no,
    of: ['dump'],
  }),
  flag(
    'file-locks',
    'dump: locks and leases on files too; restore: --no-file-locks leaves them out',
    (v, _argument, on) => (v.fileLocks = on),
    { short: 'l', negatable: true },
  ),
  flag(
    'evasive-devices',
    'any path to a device will do when the one it was opened by is gone',
    turns('evasiveDevices'),
    { ...no, of: ['dump'] },
  ),
  takes(
    'file-validation',
    'size of reopened files: filesize; and build-id: buildid (default); crit only: none',
    reads('fileValidation', parseValidation),
    {
      value: 'METHOD',
    },
  ),
  flag('skip-file-rwx-check', 'restore: do not compare permissions of files', turns('skipRwxCheck'), no),
  takes(
    'timeout',
    'dump: seconds until freezing the tree is given up, 0 for never (default 10)',
    reads('timeoutSec', parseCount),
    { value: 'SECONDS' },
  ),
  flag('tcp-established', 'TCP connections', turns('tcpEstablished'), no),
  flag('tcp-close', 'TCP connections come back closed', turns('tcpClose'), no),
  takes(
    'network-lock',
    'dump: how segments are kept from TCP connections: nftables (default), iptables, skip',
    reads('networkLock', parseNetworkLock),
    { value: 'METHOD' },
  ),
  flag('skip-in-flight', 'dump: leave out TCP connections that nobody has accepted yet', turns('skipInFlight'), no),
  flag('sync', 'dump: bring the images to the disk before the processes are ended', turns('sync'), {
    negatable: true,
    ours: true,
  }),

  takes('feature', 'check: one feature of the kernel; "list" names them', (v, name) => v.features.push(name ?? ''), {
    value: 'NAME',
  }),
  flag('extra', 'check: also what only some trees need', turns('extra'), no),
  flag('experimental', 'check: also what is experimental', turns('experimental'), no),
  flag('all', 'check: --extra --experimental', (v) => (v.extra = v.experimental = true)),

  laterFlag('daemon', 'page-server, lazy-pages, service: run in the background', no),
  flag('log-pid', 'restore: nothing more: crit is one process and has one log', () => undefined, no),
  mayTake(
    'ext-unix-sk',
    'unix sockets that are connected outside the tree: datagrams to a name, others by inode',
    (v, text, _, as) => {
      v.extUnixSk = true;
      for (const key of parseUnixInodes(text ?? '', as)) v.externals.set(key, '');
    },
    { short: 'x', value: 'INODE,...' },
  ),
  takes(
    'external',
    'what belongs to somebody else, and stays out of the images: file, tty, unix',
    (v, text = '', _, as) => v.externals.set(...parseExternal(text, as)),
    { value: 'TYPE[ID]' },
  ),
  takes(
    'inherit-fd',
    "restore: a descriptor of crit's that stands for a file of the images",
    (v, text = '', _, as) => v.inheritFds.set(...parseInheritFd(text, as)),
    { value: 'fd[N]:NAME' },
  ),
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
  mayTake(
    'manage-cgroups',
    'soft (the default): groups that are gone are made; ignore, none, props, full, strict: see below',
    (v, text = '', _, as) => (v.cgroups.mode = parseCgroupMode(text, as)),
    { value: 'MODE' },
  ),
  takes(
    'cgroup-root',
    'restore: where the control groups go; dump: where they begin',
    (v, text = '', _, as) => v.cgroups.roots.set(...parseCgroupRoot(text, as)),
    { value: '[CONTROLLER:]PATH' },
  ),
  takes(
    'cgroup-props',
    'which properties of control groups are kept',
    (v, text = '', _, as) => {
      for (const [name, files] of parseCgroupProps(text, `option ${as}`)) v.cgroups.props.set(name, files);
    },
    { value: 'SPEC' },
  ),
  takes(
    'cgroup-props-file',
    'the same, from a file',
    (v, file = '', _, as) => {
      for (const [name, files] of readCgroupProps(file, as)) v.cgroups.props.set(name, files);
    },
    { value: 'FILE' },
  ),
  takes(
    'cgroup-dump-controller',
    'keep the properties of this controller only; may be given several times',
    (v, name = '', _, as) => v.cgroups.only.add(parseName(name, as)),
    { value: 'NAME', of: ['dump'] },
  ),
  takes(
    'cgroup-yard',
    'a directory with all hierarchies of control groups, each under its name',
    (v, name = '', _, as) => (v.cgroups.yard = parseName(name, as)),
    { value: 'PATH' },
  ),
  takes(
    'freeze-cgroup',
    'stop the tree by this control group while it is seized',
    (v, name = '', _, as) => (v.freezeCgroup = path.resolve(parseName(name, as))),
    { value: 'PATH', of: ['dump'] },
  ),
  flag('weak-sysctls', 'restore: leave out sysctls that this kernel does not have', turns('weakSysctls'), no),
  flag('force-irmap', 'search for names of watched files also where handles would do', turns('forceIrmap'), {
    ...no,
    of: ['dump'],
  }),
  takes(
    'irmap-scan-path',
    'where they are searched for first; may be given several times',
    (v, name = '', _, as) => v.irmapScanPaths.push(path.resolve(parseName(name, as))),
    { value: 'PATH', of: ['dump'] },
  ),
  flag('ghost-fiemap', 'dump: nothing more: holes of deleted files are found without FIEMAP', () => undefined, no),
  mayTake(
    'cpu-cap',
    'what of the processor must match: cpu, fpu, ins, all, none; keeps it in cpuinfo.img',
    (v, text, _, as) => {
      const compared = parseCpuCap(text, v.cpuCap.compared, as);
      v.cpuCap = { image: compared.size > 0, compared };
    },
    { value: 'CAP', of: ['dump', 'restore', 'cpuinfo'] },
  ),
  flag(
    'allow-uprobes',
    'processes that uprobes were hit in; at restore the same probes must be there',
    turns('allowUprobes'),
    no,
  ),
  laterTakes('libdir', 'where plugins are', { short: 'L', value: 'DIR' }),
  takes(
    'close',
    'close this descriptor, which crit was started with, first',
    (_v, text, _, as) => closeSync(parseOwnFd(text ?? '', as)),
    { value: 'FD', of: COMMANDS },
  ),
  flag('deprecated', 'nothing more: crit has nothing that is deprecated', () => undefined, { ...no, of: COMMANDS }),
  flag('ms', 'check: nothing more, as in CRIU', () => undefined),
  laterFlag('unprivileged', 'run without being root', no),

  laterFlag('track-mem', 'track what is written after this dump', no),
  takes(
    'prev-images-dir',
    'the dump that this one adds to: pages that are the same there are left out',
    reads('previousDir', parseName),
    { value: 'DIR', of: ['dump'] },
  ),
  laterFlag('auto-dedup', 'free pages of the images that are not needed any more', no),
  takes(
    'pre-dump-mode',
    'dump: splice, read: nothing more, it is for pre-dump',
    (_v, text = '', _, as) => void parsePreDumpMode(text, as),
    { value: 'MODE' },
  ),
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
