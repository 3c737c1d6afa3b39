import { isPtyMaster } from '../../image/terminals.js';
import { TtyType, type FileEntry, type TtyInfoEntry } from '../../image/generated/messages.js';
import type { TolerantImages } from '../tolerant-images.js';

/** A terminal, or one end of a pseudo terminal. */
export interface TerminalInfo {
  /** Open files refer to it by this. */
  readonly id: number;
  readonly kind: string;
  /** "/dev/pts/3", "master of /dev/pts/3"; undefined when the images do not tell. */
  readonly name: string | undefined;
  /** The session that it controls, its foreground process group; 0 for none. */
  readonly session: number;
  readonly foreground: number;
  readonly rows: number | undefined;
  readonly columns: number | undefined;
  /** Bytes that were written and not read; sets of CRIU have none. */
  readonly unreadBytes: number;
  readonly settings: readonly string[];
}

const KINDS = new Map<number, string>(Object.entries(TtyType).map(([name, type]) => [type, name.toLowerCase()]));

/** asm-generic/termbits.h: what people ask about first. */
const LOCAL_MODES = [
  ['isig', 0o1],
  ['icanon', 0o2],
  ['echo', 0o10],
] as const;

function nameOf(info: TtyInfoEntry): string | undefined {
  return info.pty && `${isPtyMaster(info) ? 'master of ' : ''}/dev/pts/${info.pty.index}`;
}

function terminal(info: TtyInfoEntry, unreadBytes: number): TerminalInfo {
  const modes = info.termios && LOCAL_MODES.map(([name, bit]) => `${info.termios!.c_lflag & bit ? '' : '-'}${name}`);
  return {
    id: info.id,
    kind: KINDS.get(info.type) ?? `type ${info.type}`,
    name: nameOf(info),
    session: info.sid,
    foreground: info.pgrp,
    rows: info.winsize?.ws_row,
    columns: info.winsize?.ws_col,
    unreadBytes,
    settings: [
      ...(modes ?? ['hung up']),
      ...(info.locked ? ['locked'] : []),
      ...(info.exclusive ? ['exclusive'] : []),
      ...(info.packet_mode ? ['packet mode'] : []),
    ],
  };
}

/** The terminals of a set. */
export function terminals(images: TolerantImages): readonly TerminalInfo[] {
  const unread = new Map<number, number>();
  for (const { tty_id, data } of images.each('TTY_DATA')) unread.set(tty_id, (unread.get(tty_id) ?? 0) + data.length);
  return Array.from(images.each('TTY_INFO'), (info) => terminal(info, unread.get(info.id) ?? 0));
}

/** The id of the terminal that an open file is of; undefined for any other file. */
export const terminalIdOf = ({ tty }: FileEntry): number | undefined => tty?.tty_info_id;
