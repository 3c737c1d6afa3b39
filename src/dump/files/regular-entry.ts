import { FdTypes, type FileEntry, type FownEntry, type RegFileEntry } from '../../image/generated/messages.js';
import { O_ACCMODE, O_APPEND, O_WRONLY } from '../../kernel/open-flags.js';
import { S_IFMT, S_IFREG } from '../../kernel/stat.js';
import type { FileStat } from './file-stat.js';

export interface RegularParts {
  id: number;
  name: string;
  stat: FileStat;
  flags: number;
  pos: bigint;
  fown: FownEntry;
}

/** A reg_file_entry; the size of a file that is only appended to, as a log is, is no fact to check at restore. */
export function regularEntry(parts: RegularParts): RegFileEntry {
  const { id, name, stat, flags, pos, fown } = parts;
  const entry: RegFileEntry = { id, flags, pos, fown, name, mode: stat.mode };
  const log = (flags & O_ACCMODE) === O_WRONLY && (flags & O_APPEND) !== 0;
  if ((stat.mode & S_IFMT) === S_IFREG && !log) entry.size = stat.sizeBytes;
  return entry;
}

export function regularFile(parts: RegularParts): FileEntry {
  return { type: FdTypes.REG, id: parts.id, reg: regularEntry(parts) };
}
