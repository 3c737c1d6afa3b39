import { CritError } from '../../image/errors.js';
import { AT_FDCWD, O_NOCTTY } from '../../kernel/open-flags.js';
import { TCGETS } from '../../kernel/ioctl.js';
import { readImageIfPresent } from '../read-image.js';
import { TtyType } from '../../image/generated/messages.js';
import { sysRaw } from '../../native/sys.js';
import type { GroupMaker } from './group.js';
import { openFlags, place, setFlags } from './place.js';

/** Terminals of a shell job: the one that crit stands on takes their place (--shell-job). */
export const tty: GroupMaker = (files, entries) => {
  if (entries.length === 0) return { open: () => undefined };
  const types = new Map<number, number>();
  for (const { message } of readImageIfPresent(files.images.dir, 'TTY_INFO')?.entries ?? [])
    types.set(message.id, message.type);
  if (!files.ctx.options.shellJob)
    throw new CritError('the dumped tree was on a terminal: restore it on one, with --shell-job', {
      code: 'SHELL_JOB',
    });
  const standard = [0, 1, 2].find((fd) => sysRaw('ioctl', fd, TCGETS, new Uint8Array(64)) >= 0);
  if (standard === undefined)
    throw new CritError('the dumped tree was on a terminal, and crit is on none: run it from a terminal', {
      code: 'NO_TERMINAL',
    });
  for (const { id } of entries) files.slot(id);
  const first = new Map<number, number>();
  return {
    open: (b) => {
      for (const { id, tty: entry } of entries) {
        const slot = files.slot(id);
        const { flags } = entry!;
        b.doing(`taking the terminal for file ${id}`);
        if (types.get(entry!.tty_info_id) === TtyType.CTTY)
          place(b, b.call('openat', AT_FDCWD, '/dev/tty', openFlags(flags) | O_NOCTTY, 0), slot);
        else {
          const path = `/proc/self/fd/${standard}`;
          place(b, b.call('openat', AT_FDCWD, path, openFlags(flags) | O_NOCTTY, 0), slot);
          first.set(id, slot);
        }
        setFlags(b, slot, flags);
      }
      b.doing(undefined);
    },
  };
};
