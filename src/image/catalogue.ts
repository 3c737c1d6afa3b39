import type { Messages } from './generated/messages.js';

/** What follows the message of an entry: see src/decode/payload.ts. */
export type PayloadKind =
  | 'none'
  /** The first entry is a pagemap_head, every later one a pagemap_entry. */
  | 'pagemap'
  /** Ghost file: the rest of the file, or (with `chunks`) ghost_chunk_entry records followed by `len` bytes each. */
  | 'ghost'
  /** `bytes` bytes of a pipe. */
  | 'pipe'
  /** `length` bytes of a socket's packet. */
  | 'packet'
  /** `inq_len`, then `outq_len` bytes. */
  | 'tcp'
  /** `nsems` u16 values, padded to 8 bytes. */
  | 'sem'
  /** `qnum` times: u32 size, ipc_msg, `msize` bytes padded to 8. */
  | 'msg'
  /** `size` bytes padded to 4; none with `in_pagemaps`. */
  | 'shm'
  /** `keys_bytes`, then `values_bytes` bytes. */
  | 'bpf';

/** First magic of images v1.1, before the magic of the type; inventory.img and images v1.0 have none. */
export const FIRST_MAGIC = { common: 0x54564319, service: 0x55105940 } as const;

interface Row {
  readonly type: string;
  /** Name of the file, with one printf-like placeholder for the id when there are many. */
  readonly file: string;
  /** u32 before the entries, after the first magic; 0 for raw images. */
  readonly magic: number;
  /** Name of the magic, as in JSON; the type's name if absent. */
  readonly magicName?: string;
  /** Message of the (first) entry; null for raw images, which have neither header nor entries. */
  readonly message: string | null;
  readonly payload?: PayloadKind;
  /** What images of this type begin with; 'common' if absent. */
  readonly first?: 'none' | 'service';
}

/**
 * Every type of image of CRIU 4.2, one row each (include/image-desc.h and include/magic.h of CRIU). Naming, decoding,
 * encoding and documentation are served from here.
 */
export const CATALOGUE = [
  { type: 'INVENTORY', file: 'inventory.img', magic: 0x58313116, message: 'inventory_entry', first: 'none' },
  { type: 'FDINFO', file: 'fdinfo-%u.img', magic: 0x56213732, message: 'fdinfo_entry' },
  { type: 'PAGEMAP', file: 'pagemap-%u.img', magic: 0x56084025, message: 'pagemap_head', payload: 'pagemap' },
  {
    type: 'SHMEM_PAGEMAP',
    file: 'pagemap-shmem-%u.img',
    magic: 0x56084025,
    magicName: 'PAGEMAP',
    message: 'pagemap_head',
    payload: 'pagemap',
  },
  { type: 'REG_FILES', file: 'reg-files.img', magic: 0x50363636, message: 'reg_file_entry' },
  { type: 'EXT_FILES', file: 'ext-files.img', magic: 0x59255641, message: 'ext_file_entry' },
  { type: 'NS_FILES', file: 'ns-files.img', magic: 0x61394011, message: 'ns_file_entry' },
  { type: 'EVENTFD_FILE', file: 'eventfd.img', magic: 0x44523722, message: 'eventfd_file_entry' },
  { type: 'EVENTPOLL_FILE', file: 'eventpoll.img', magic: 0x45023858, message: 'eventpoll_file_entry' },
  { type: 'EVENTPOLL_TFD', file: 'eventpoll-tfd.img', magic: 0x44433746, message: 'eventpoll_tfd_entry' },
  { type: 'SIGNALFD', file: 'signalfd.img', magic: 0x57323820, message: 'signalfd_entry' },
  { type: 'INOTIFY_FILE', file: 'inotify.img', magic: 0x48424431, message: 'inotify_file_entry' },
  { type: 'INOTIFY_WD', file: 'inotify-wd.img', magic: 0x54562009, message: 'inotify_wd_entry' },
  { type: 'FANOTIFY_FILE', file: 'fanotify.img', magic: 0x55096122, message: 'fanotify_file_entry' },
  { type: 'FANOTIFY_MARK', file: 'fanotify-mark.img', magic: 0x56506035, message: 'fanotify_mark_entry' },
  { type: 'CORE', file: 'core-%u.img', magic: 0x55053847, message: 'core_entry' },
  { type: 'IDS', file: 'ids-%u.img', magic: 0x54432030, message: 'task_kobj_ids_entry' },
  { type: 'MM', file: 'mm-%u.img', magic: 0x57492820, message: 'mm_entry' },
  { type: 'VMAS', file: 'vmas-%u.img', magic: 0x54123737, message: 'vma_entry' },
  { type: 'PIPES', file: 'pipes.img', magic: 0x56513555, message: 'pipe_entry' },
  { type: 'PIPES_DATA', file: 'pipes-data.img', magic: 0x56453709, message: 'pipe_data_entry', payload: 'pipe' },
  { type: 'FIFO', file: 'fifo.img', magic: 0x58364939, message: 'fifo_entry' },
  { type: 'FIFO_DATA', file: 'fifo-data.img', magic: 0x59333054, message: 'pipe_data_entry', payload: 'pipe' },
  { type: 'PSTREE', file: 'pstree.img', magic: 0x50273030, message: 'pstree_entry' },
  { type: 'SIGACT', file: 'sigacts-%u.img', magic: 0x55344201, message: 'sa_entry' },
  { type: 'UNIXSK', file: 'unixsk.img', magic: 0x54373943, message: 'unix_sk_entry' },
  { type: 'INETSK', file: 'inetsk.img', magic: 0x56443851, message: 'inet_sk_entry' },
  { type: 'PACKETSK', file: 'packetsk.img', magic: 0x60454618, message: 'packet_sock_entry' },
  { type: 'NETLINK_SK', file: 'netlinksk.img', magic: 0x58005614, message: 'netlink_sk_entry' },
  { type: 'SK_QUEUES', file: 'sk-queues.img', magic: 0x56264026, message: 'sk_packet_entry', payload: 'packet' },
  { type: 'ITIMERS', file: 'itimers-%u.img', magic: 0x57464056, message: 'itimer_entry' },
  { type: 'POSIX_TIMERS', file: 'posix-timers-%u.img', magic: 0x52603957, message: 'posix_timer_entry' },
  { type: 'CREDS', file: 'creds-%u.img', magic: 0x54023547, message: 'creds_entry' },
  { type: 'UTSNS', file: 'utsns-%u.img', magic: 0x54473203, message: 'utsns_entry' },
  { type: 'IPC_VAR', file: 'ipcns-var-%u.img', magic: 0x53115007, message: 'ipc_var_entry' },
  { type: 'IPCNS_SHM', file: 'ipcns-shm-%u.img', magic: 0x46283044, message: 'ipc_shm_entry', payload: 'shm' },
  { type: 'IPCNS_MSG', file: 'ipcns-msg-%u.img', magic: 0x55453737, message: 'ipc_msg_entry', payload: 'msg' },
  { type: 'IPCNS_SEM', file: 'ipcns-sem-%u.img', magic: 0x59573019, message: 'ipc_sem_entry', payload: 'sem' },
  { type: 'FS', file: 'fs-%u.img', magic: 0x51403912, message: 'fs_entry' },
  { type: 'REMAP_FPATH', file: 'remap-fpath.img', magic: 0x59133954, message: 'remap_file_path_entry' },
  { type: 'GHOST_FILE', file: 'ghost-file-%x.img', magic: 0x52583605, message: 'ghost_file_entry', payload: 'ghost' },
  { type: 'MEMFD_INODE', file: 'memfd.img', magic: 0x48453499, message: 'memfd_inode_entry' },
  { type: 'TCP_STREAM', file: 'tcp-stream-%x.img', magic: 0x51465506, message: 'tcp_stream_entry', payload: 'tcp' },
  { type: 'MNTS', file: 'mountpoints-%u.img', magic: 0x55563928, message: 'mnt_entry' },
  { type: 'NETDEV', file: 'netdev-%u.img', magic: 0x57373951, message: 'net_device_entry' },
  { type: 'NETNS', file: 'netns-%u.img', magic: 0x55933752, message: 'netns_entry' },
  { type: 'IFADDR', file: 'ifaddr-%u.img', magic: 0, message: null },
  { type: 'ROUTE', file: 'route-%u.img', magic: 0, message: null },
  { type: 'ROUTE6', file: 'route6-%u.img', magic: 0, message: null },
  { type: 'RULE', file: 'rule-%u.img', magic: 0, message: null },
  { type: 'IPTABLES', file: 'iptables-%u.img', magic: 0, message: null },
  { type: 'IP6TABLES', file: 'ip6tables-%u.img', magic: 0, message: null },
  { type: 'NFTABLES', file: 'nftables-%u.img', magic: 0, message: null },
  { type: 'TMPFS_IMG', file: 'tmpfs-%u.tar.gz.img', magic: 0, message: null },
  { type: 'TMPFS_DEV', file: 'tmpfs-dev-%u.tar.gz.img', magic: 0, message: null },
  { type: 'AUTOFS', file: 'autofs-%u.img', magic: 0x49353943, message: 'autofs_entry' },
  {
    type: 'BINFMT_MISC_OLD',
    file: 'binfmt-misc-%u.img',
    magic: 0x67343323,
    magicName: 'BINFMT_MISC',
    message: 'binfmt_misc_entry',
  },
  { type: 'BINFMT_MISC', file: 'binfmt-misc.img', magic: 0x67343323, message: 'binfmt_misc_entry' },
  { type: 'TTY_FILES', file: 'tty.img', magic: 0x59433025, message: 'tty_file_entry' },
  { type: 'TTY_INFO', file: 'tty-info.img', magic: 0x59453036, message: 'tty_info_entry' },
  { type: 'TTY_DATA', file: 'tty-data.img', magic: 0x59413026, message: 'tty_data_entry' },
  { type: 'FILE_LOCKS', file: 'filelocks.img', magic: 0x54323616, message: 'file_lock_entry' },
  { type: 'RLIMIT', file: 'rlimit-%u.img', magic: 0x57113925, message: 'rlimit_entry' },
  { type: 'PAGES', file: 'pages-%u.img', magic: 0, message: null },
  { type: 'PAGES_OLD', file: 'pages-%d.img', magic: 0x56084025, magicName: 'PAGEMAP', message: null },
  { type: 'SHM_PAGES_OLD', file: 'pages-shmem-%d.img', magic: 0x56084025, magicName: 'PAGEMAP', message: null },
  { type: 'SIGNAL', file: 'signal-s-%u.img', magic: 0x59255647, message: 'siginfo_entry' },
  { type: 'PSIGNAL', file: 'signal-p-%u.img', magic: 0x59255647, magicName: 'SIGNAL', message: 'siginfo_entry' },
  { type: 'TUNFILE', file: 'tunfile.img', magic: 0x57143751, message: 'tunfile_entry' },
  { type: 'CGROUP', file: 'cgroup.img', magic: 0x59383330, message: 'cgroup_entry' },
  { type: 'TIMERFD', file: 'timerfd.img', magic: 0x50493712, message: 'timerfd_entry' },
  { type: 'CPUINFO', file: 'cpuinfo.img', magic: 0x61404013, message: 'cpuinfo_entry' },
  { type: 'SECCOMP', file: 'seccomp.img', magic: 0x64413049, message: 'seccomp_entry' },
  { type: 'USERNS', file: 'userns-%u.img', magic: 0x55474906, message: 'userns_entry' },
  { type: 'NETNF_CT', file: 'netns-ct-%u.img', magic: 0, message: null },
  { type: 'NETNF_EXP', file: 'netns-exp-%u.img', magic: 0, message: null },
  { type: 'FILES', file: 'files.img', magic: 0x56303138, message: 'file_entry' },
  { type: 'TIMENS', file: 'timens-%u.img', magic: 0x43114433, message: 'timens_entry' },
  { type: 'PIDNS', file: 'pidns-%u.img', magic: 0x61157326, message: 'pidns_entry' },
  { type: 'BPFMAP_FILE', file: 'bpfmap-file.img', magic: 0x57506142, message: 'bpfmap_file_entry' },
  { type: 'BPFMAP_DATA', file: 'bpfmap-data.img', magic: 0x64324033, message: 'bpfmap_data_entry', payload: 'bpf' },
  { type: 'APPARMOR', file: 'apparmor.img', magic: 0x59423047, message: 'apparmor_entry' },
  { type: 'PIDFD', file: 'pidfd.img', magic: 0x54435556, message: 'pidfd_entry' },
  { type: 'STATS', file: 'stats-%s', magic: 0x57093306, message: 'stats_entry', first: 'service' },
  { type: 'IRMAP_CACHE', file: 'irmap-cache', magic: 0x57004059, message: 'irmap_cache_entry', first: 'service' },
] as const satisfies readonly Row[];

export type CatalogueRow = (typeof CATALOGUE)[number];
/** Name of a type of image. */
export type ImageType = CatalogueRow['type'];
/** A type that consists of protobuf entries. */
export type EntryImageType = Extract<CatalogueRow, { message: string }>['type'];
/** A type without header and entries. */
export type RawImageType = Exclude<ImageType, EntryImageType>;

/** A row with the fields that only some rows spell out. */
export interface ImageDescription {
  readonly type: ImageType;
  readonly file: string;
  readonly magic: number;
  readonly magicName: string;
  readonly message: MessageOf<EntryImageType> | null;
  readonly payload: PayloadKind;
  readonly first: 'none' | 'common' | 'service';
}

/** Row of a type in the catalogue. */
export type RowOf<T extends ImageType> = Extract<CatalogueRow, { type: T }>;
/** Name of the message of a type's (first) entry. */
export type MessageOf<T extends EntryImageType> = Extract<RowOf<T>, { message: string }>['message'];
/** Payload of a type's entries. */
export type PayloadOf<T extends ImageType> = RowOf<T> extends { payload: infer P extends PayloadKind } ? P : 'none';

const DESCRIPTIONS: readonly ImageDescription[] = CATALOGUE.map((row: Row) => ({
  type: row.type as ImageType,
  file: row.file,
  magic: row.magic,
  magicName: row.magicName ?? row.type,
  message: row.message as ImageDescription['message'],
  payload: row.payload ?? 'none',
  first: row.first ?? 'common',
}));

const BY_TYPE = new Map(DESCRIPTIONS.map((d) => [d.type, d]));
// Reversed, so that of two rows with one magic the first one stays.
const BY_MAGIC = new Map([...DESCRIPTIONS].reverse().map((d) => [d.magic, d]));
const BY_MAGIC_NAME = new Map([...DESCRIPTIONS].reverse().map((d) => [d.magicName, d]));

/** All types, in the order of the catalogue. */
export const IMAGE_TYPES: readonly ImageDescription[] = DESCRIPTIONS;

/** The row of a type. */
export function describeType(type: ImageType): ImageDescription {
  const found = BY_TYPE.get(type);
  if (!found) throw new TypeError(`no image type ${type}`);
  return found;
}

/** The message of an entry: only pagemaps and ghost files have another one in later entries. Null for raw types. */
export function messageNameAt({ payload, message }: ImageDescription, entry: number): keyof Messages | null {
  if (entry > 0 && payload === 'pagemap') return 'pagemap_entry';
  if (entry > 0 && payload === 'ghost') return 'ghost_chunk_entry';
  return message;
}

/** The type that a (second) magic stands for; of several types with one magic the one the magic is named after. */
export const typeByMagic = (magic: number): ImageDescription | undefined =>
  magic === 0 ? undefined : BY_MAGIC.get(magic);

/** The type that the `magic` of a JSON image names, raw types included. */
export const typeByMagicName = (name: string): ImageDescription | undefined => BY_MAGIC_NAME.get(name);

const PLACEHOLDER = /%[a-z]/;

/**
 * The name of an image file.
 * @param id what tells one from the other where there are many: a pid, a namespace id, `dump` for stats
 */
export function imageFileName(type: ImageType, id?: number | bigint | string): string {
  const { file } = describeType(type);
  const placeholder = PLACEHOLDER.exec(file)?.[0];
  if (placeholder === undefined) return file;
  if (id === undefined) throw new TypeError(`${type} images have an id in their name`);
  return file.replace(placeholder, typeof id === 'string' ? id : id.toString(placeholder === '%x' ? 16 : 10));
}

const ID_PATTERN: Readonly<Record<string, RegExp>> = {
  '%u': /^\d+$/,
  '%d': /^-?\d+$/,
  '%x': /^[0-9a-f]+$/,
  '%s': /^[a-z]+$/,
};
/** What stands before and after the id in the names of a type; the whole name where there is none. */
const NAMES = DESCRIPTIONS.map(({ type, file }) => {
  const placeholder = PLACEHOLDER.exec(file)?.[0];
  const [before = '', after = ''] = placeholder === undefined ? [file] : file.split(placeholder);
  return { type, placeholder, before, after };
});

/**
 * The type and id that a file name tells; undefined when it is no image's name. The id is a string where names hold
 * strings (stats-dump), absent where there is one such file.
 */
export function typeOfFileName(name: string): { type: ImageType; id?: number | bigint | string } | undefined {
  for (const { type, placeholder, before, after } of NAMES) {
    if (!name.startsWith(before) || !name.endsWith(after)) continue;
    if (placeholder === undefined) {
      if (name === before) return { type };
      continue;
    }
    const text = name.slice(before.length, name.length - after.length);
    if (!ID_PATTERN[placeholder]!.test(text)) continue;
    if (placeholder === '%s') return { type, id: text };
    const id = BigInt(placeholder === '%x' ? `0x${text}` : text);
    return { type, id: id <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(id) : id };
  }
  return undefined;
}
