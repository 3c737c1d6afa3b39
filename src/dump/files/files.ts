import type { Pid } from '../../image/pid.js';
import type { DumpContext } from '../context.js';
import type { KernelMemory } from '../kernel-memory.js';
import type { Description } from './description.js';
import type { NamelessFiles } from './nameless-files.js';
import type { OpenFile } from './open-file.js';
import type { FileStat } from './file-stat.js';
import type { TcpConnections } from './tcp-connections.js';
import type { FileEntry, FownEntry, RegFileEntry } from '../../image/generated/messages.js';
import type { OutEntry } from '../image-sink.js';
import type { ImageType } from '../../image/catalogue.js';

/** What the kinds of files may ask of the dump. */
export interface Files {
  readonly ctx: DumpContext;
  readonly connections: TcpConnections;
  readonly nameless: NamelessFiles;
  /** The kernel's memory, or why it cannot be read. */
  kernel(): KernelMemory | string;
  /** The processes and threads of the tree, zombies too. */
  readonly tids: ReadonlySet<Pid>;
  /** An id of files.img that nothing else has. */
  newId(): number;
  /** Adds an entry to files.img besides that of the description. */
  add(entry: FileEntry): void;
  /** An entry of an image that is written at the end; images without entries are not written. */
  put(type: ImageType, entry: OutEntry): void;
  /** The reg_file_entry of a file; notes what makes it findable at restore (ghost files, links) under `id`. */
  regular(id: number, file: OpenFile, flags: number, pos: bigint, fown: FownEntry): RegFileEntry;
  /** A reg_file_entry of its own for a file that another kind refers to. */
  addRegular(file: OpenFile, flags: number, pos: bigint, fown: FownEntry): number;
  /** The memfd inode of shared memory, its pages written at the end. */
  memfdInode(name: string, stat: FileStat, fd: number): number;
  /** crit's own descriptor of a description; the caller closes it. */
  take(file: Description): number;
  /** The same, closed after the call. */
  use<T>(file: Description, work: (fd: number) => T): T;
  /**
   * The id of what was in flight in the queue of a socket.
   * @param own crit's own descriptor of it, taken over
   * @throws CritError UNSUPPORTED
   */
  inFlight(socket: Description, own: number): number;
  /** The descriptions of the table that a task has, by number. */
  tableOf(file: Description): ReadonlyMap<number, Description>;
  /** All descriptions of the tree, by id. */
  readonly descriptions: readonly Description[];
  /** Runs when the descriptors of all tables are known: further descriptions may be found. */
  whenListed(action: () => void): void;
  /** Runs when all descriptions of the tree are known, before memory is dumped. */
  whenKnown(action: () => void): void;
  /** Runs at the end of the stop, for what is large. */
  finally(action: () => void): void;
}
