import type { FileEntry } from '../../image/generated/messages.js';
import type { Description } from './description.js';
import type { Files } from './files.js';

/** How a kind of file is dumped. A new kind is one file with one of these, and a line in kinds.ts. */
export interface FileKind {
  /** FdTypes of the images. */
  readonly type: number;
  matches(file: Description): boolean;
  /**
   * The entry of files.img, less its type and id. Called once per description while the tree stands; what costs time or
   * needs all of the tree to be known is left to `files.whenKnown` and `files.finally`.
   * Looking (`files.use`) must not change the description's state.
   * @throws CritError UNSUPPORTED, by `unsupported()`
   */
  describe(file: Description, files: Files): Omit<FileEntry, 'type' | 'id'>;
}
