import type { FileEntry, TtyInfoEntry } from './generated/messages.js';

/** What belongs to somebody else (--external TYPE[ID]:NAME of criu(8)): names by "TYPE[ID]"; '' where there is none. */
export type Externals = ReadonlyMap<string, string>;

/** crit's own descriptors that stand for files of the images (--inherit-fd fd[N]:KEY of criu(8)), by their keys. */
export type InheritedFds = ReadonlyMap<string, number>;

/** The types of what can be external so far. */
export const EXTERNAL_TYPES = ['file', 'tty', 'unix'] as const;

/** What CRIU calls an open file that cannot be found by name. @param mntId of fdinfo @param ino of stat(2) */
export const externalFile = (mntId: number, ino: bigint): string => `file[${mntId.toString(16)}:${ino.toString(16)}]`;

/** What CRIU calls a terminal, by numbers of stat(2). */
export const externalTerminal = ({ rdev, dev }: { rdev: number | bigint; dev?: number | bigint }): string =>
  `tty[${rdev.toString(16)}:${(dev ?? 0).toString(16)}]`;

/** What --inherit-fd may call a file of the images, CRIU's own word first; empty for kinds that cannot be inherited. */
export function inheritKeys(
  { reg, pipe, usk, memfd, tty }: FileEntry,
  memfdName?: (inode: number) => string | undefined,
  terminal?: (id: number) => TtyInfoEntry | undefined,
): string[] {
  if (reg) return reg.ext ? [reg.name] : [reg.name.replace(/^\//, ''), reg.name];
  if (pipe) return [`pipe:[${pipe.pipe_id}]`];
  if (usk) return [`socket:[${usk.ino}]`];
  const info = tty && terminal?.(tty.tty_info_id);
  if (info) return [externalTerminal(info)];
  const name = memfd && memfdName?.(memfd.inode_id);
  return name === undefined ? [] : [`memfd:${name}`, `/memfd:${name}`];
}
