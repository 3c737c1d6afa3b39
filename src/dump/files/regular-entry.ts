import { FdTypes, type FileEntry, type FownEntry, type RegFileEntry } from '../../image/generated/messages.js';
import { O_ACCMODE, O_APPEND, O_WRONLY } from '../../kernel/uapi/open-flags.js';
import { S_IFMT, S_IFREG } from '../../kernel/uapi/stat.js';
import { kernelDevOf, type FileStat } from './file-stat.js';

export interface RegularParts {
  id: number;
  name: string;
  stat: FileStat;
  flags: number;
  pos: bigint;
  fown: FownEntry;
  /** What tells the build of a program or library, as the image has it. */
  buildId?: readonly number[] | undefined;
}

/** Whether restore compares the content: not that of a file that is only appended to, as a log is (as CRIU has it). */
export function hasFixedContent(stat: FileStat, flags: number): boolean {
  const log = (flags & O_ACCMODE) === O_WRONLY && (flags & O_APPEND) !== 0;
  return (stat.mode & S_IFMT) === S_IFREG && !log;
}

/** A reg_file_entry. */
export function regularEntry(parts: RegularParts): RegFileEntry {
  const { id, name, stat, flags, pos, fown, buildId } = parts;
  const { mode, uid, gid, ino } = stat;
  const entry: RegFileEntry = { id, flags, pos, fown, name, mode, uid, gid, ino, dev: kernelDevOf(stat) };
  if (hasFixedContent(stat, flags)) {
    entry.size = stat.sizeBytes;
    if (buildId) entry.build_id = [...buildId];
  }
  return entry;
}

export function regularFile(parts: RegularParts): FileEntry {
  return { type: FdTypes.REG, id: parts.id, reg: regularEntry(parts) };
}
