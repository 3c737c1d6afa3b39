import { CritError } from '../../image/errors.js';
import type { FileOf } from '../../image/file-kinds.js';
import { TtyType, type TtyInfoEntry } from '../../image/generated/messages.js';
import { AT_FDCWD, O_NOCTTY } from '../../kernel/uapi/open-flags.js';
import type { Batch } from '../../task/batch.js';
import { ownTerminal } from '../job-terminal.js';
import { group, type Files, type GroupMaker } from './group.js';
import { HungUp } from './hung-up.js';
import { openFlags, place, setFlags } from './place.js';

/**
 * Terminals of a shell job: the one that crit stands on takes their place (--shell-job). One that had hung up is a new
 * one that hangs up.
 */
export const tty: GroupMaker<'tty'> = (files, entries) => {
  const infos = new Map<number, TtyInfoEntry>();
  for (const message of files.images.dir.messages('TTY_INFO') ?? []) infos.set(message.id, message);
  const infoOf = ({ tty: entry }: FileOf<'tty'>) => infos.get(entry.tty_info_id);
  const isHungUp = (entry: FileOf<'tty'>) => {
    const info = infoOf(entry);
    return info?.pty !== undefined && info.termios === undefined;
  };
  const gone = entries.filter(isHungUp);
  const live = entries.filter((entry) => !isHungUp(entry));
  const standard = live.length > 0 ? liveTerminal(files) : -1;
  for (const { id } of entries) files.slot(id);
  let hungUp: HungUp[] = [];
  return group('terminals', {
    open: ({ b }) => {
      for (const { id, tty: entry } of live) {
        const { flags } = entry;
        const isControlling = infos.get(entry.tty_info_id)?.type === TtyType.CTTY;
        const path = isControlling ? '/dev/tty' : `/proc/self/fd/${standard}`;
        using _doing = b.doing(`taking the terminal for file ${id}`);
        place(b, b.call('openat', AT_FDCWD, path, openFlags(flags) | O_NOCTTY, 0), files.slot(id));
        setFlags(b, files.slot(id), flags);
      }
      hungUp = openHungUp(files, gone, infoOf, b);
    },
    fill: () => {
      for (const terminal of hungUp) terminal.close();
    },
  });
};

/** @throws CritError SHELL_JOB, NO_TERMINAL */
function liveTerminal(files: Files): number {
  if (!files.ctx.options.shellJob)
    throw new CritError('the dumped tree was on a terminal: restore it on one, with --shell-job', {
      code: 'SHELL_JOB',
    });
  const standard = ownTerminal();
  if (standard === undefined)
    throw new CritError('the dumped tree was on a terminal, and crit is on none: run it from a terminal', {
      code: 'NO_TERMINAL',
    });
  return standard;
}

/** Has the root take slaves of new terminals, one terminal for all that had the same. */
function openHungUp(
  files: Files,
  entries: readonly FileOf<'tty'>[],
  infoOf: (entry: FileOf<'tty'>) => TtyInfoEntry | undefined,
  b: Batch,
): HungUp[] {
  const terminals = new Map<TtyInfoEntry, HungUp>();
  if (entries.length === 0) return [];
  const crit = b.call('pidfd_open', process.pid, 0);
  for (const entry of entries) {
    const info = infoOf(entry)!;
    let terminal = terminals.get(info);
    if (!terminal) terminals.set(info, (terminal = new HungUp(info.pty!.index)));
    const slot = files.slot(entry.id);
    using _doing = b.doing(`opening a terminal that has hung up, for file ${entry.id}`);
    place(b, b.call('pidfd_getfd', crit, terminal.open(entry.tty.flags), 0), slot);
    setFlags(b, slot, entry.tty.flags);
    terminal.chown(info.uid ?? 0, info.gid ?? 0);
  }
  b.call('close', crit);
  return [...terminals.values()];
}
