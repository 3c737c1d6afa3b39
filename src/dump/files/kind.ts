import type { FileEntry } from '../../image/generated/messages.js';
import type { Description } from './description.js';
import type { Files } from './files.js';

/** Makes the entry of files.img of a description, less its type and id. */
export type MakeEntry = (file: Description) => Omit<FileEntry, 'type' | 'id'>;

/** How files of a kind are dumped. */
export interface MakesEntries {
  /** FdTypes of the images. */
  readonly type: number;
  /**
   * Begins a dump; what is to be remembered in it is in the closure. What this returns is called once for each
   * description while the tree stands; what costs time or needs all of the tree to be known is left to `files.whenKnown`
   * and `files.finally`. Looking (`files.use`) must not change the description's state.
   * @throws CritError UNSUPPORTED (what is returned), by `unsupported()`
   */
  make(files: Files): MakeEntry;
  /** The order in which files.img has them, if it matters. */
  order?(entries: readonly FileEntry[]): readonly FileEntry[];
}

/** A kind of file. A new one is one file with one of these, and a row in kinds.ts (of a socket: in socket-families.ts). */
export interface FileKind extends MakesEntries {
  matches(file: Description): boolean;
}
