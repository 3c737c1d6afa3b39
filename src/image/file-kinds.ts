import type { EntryImageType } from './catalogue.js';
import { FdTypes, type FileEntry } from './generated/messages.js';

/** A field of file_entry that holds the message of one kind of file. */
export type FileField = Exclude<keyof FileEntry, 'type' | 'id'>;
/** The message of a kind. */
export type FileMessage<F extends FileField = FileField> = NonNullable<FileEntry[F]>;
/** An entry of one kind. */
export type FileOf<F extends FileField> = F extends unknown ? FileEntry & { readonly [K in F]: FileMessage<K> } : never;

interface Row {
  readonly type: FdTypes;
  readonly field: FileField;
  /** The image that has the files of this kind alone; CRIU before 3.3 wrote these in place of files.img. */
  readonly image?: EntryImageType;
}

/** Every kind of file that images can have, in the order of fd_types. */
export const FILE_KINDS = [
  { type: FdTypes.REG, field: 'reg', image: 'REG_FILES' },
  { type: FdTypes.PIPE, field: 'pipe', image: 'PIPES' },
  { type: FdTypes.FIFO, field: 'fifo', image: 'FIFO' },
  { type: FdTypes.INETSK, field: 'isk', image: 'INETSK' },
  { type: FdTypes.UNIXSK, field: 'usk', image: 'UNIXSK' },
  { type: FdTypes.EVENTFD, field: 'efd', image: 'EVENTFD_FILE' },
  { type: FdTypes.EVENTPOLL, field: 'epfd', image: 'EVENTPOLL_FILE' },
  { type: FdTypes.INOTIFY, field: 'ify', image: 'INOTIFY_FILE' },
  { type: FdTypes.SIGNALFD, field: 'sgfd', image: 'SIGNALFD' },
  { type: FdTypes.PACKETSK, field: 'psk', image: 'PACKETSK' },
  { type: FdTypes.TTY, field: 'tty', image: 'TTY_FILES' },
  { type: FdTypes.FANOTIFY, field: 'ffy', image: 'FANOTIFY_FILE' },
  { type: FdTypes.NETLINKSK, field: 'nlsk', image: 'NETLINK_SK' },
  { type: FdTypes.NS, field: 'nsf', image: 'NS_FILES' },
  { type: FdTypes.TUNF, field: 'tunf', image: 'TUNFILE' },
  { type: FdTypes.EXT, field: 'ext', image: 'EXT_FILES' },
  { type: FdTypes.TIMERFD, field: 'tfd', image: 'TIMERFD' },
  { type: FdTypes.MEMFD, field: 'memfd' },
  { type: FdTypes.BPFMAP, field: 'bpf', image: 'BPFMAP_FILE' },
  { type: FdTypes.PIDFD, field: 'pidfd', image: 'PIDFD' },
  { type: FdTypes.MQUEUE, field: 'mqueue' },
  { type: FdTypes.IO_URING, field: 'io_uring' },
] as const satisfies readonly Row[];

const FIELD = new Map<number, FileField>(FILE_KINDS.map(({ type, field }) => [type, field]));
const IMAGE = new Map(FILE_KINDS.map((row: Row) => [row.field, row.image]));
const NAME = new Map<number, string>(Object.entries(FdTypes).map(([name, type]) => [type, name]));

/** The field of file_entry that a type says must be there; undefined for a type that no file has. */
export const fileField = (type: FdTypes): FileField | undefined => FIELD.get(type);

/** The image that a kind had to itself. */
export const oldFileImage = (field: FileField): EntryImageType | undefined => IMAGE.get(field);

/** The message that an entry has by its type. */
export function fileMessage(entry: FileEntry): FileMessage | undefined {
  const field = fileField(entry.type);
  return field && entry[field];
}

/** Whether an entry is of a kind, by its type and the message that it has. */
export function isFileOf<F extends FileField>(entry: FileEntry, field: F): entry is FileOf<F> {
  return fileField(entry.type) === field && entry[field] !== undefined;
}

/** The name of a type, e.g. REG; undefined for a number that is none. */
export const fileTypeName = (type: FdTypes): string | undefined => NAME.get(type);
