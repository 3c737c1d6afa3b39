import type { FileOf } from '../../image/file-kinds.js';
import type { TtyInfoEntry } from '../../image/generated/messages.js';

/** An open terminal, and which one it is. */
export interface OpenTerminal {
  readonly entry: FileOf<'tty'>;
  readonly info: TtyInfoEntry;
}
