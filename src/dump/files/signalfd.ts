import { FdTypes } from '../../image/generated/messages.js';
import { signalFdMask } from '../../kernel/proc/fdinfo.js';
import type { FileKind } from './kind.js';

/** signalfd(2); the signals that wait are the process's own. */
export const signalfd: FileKind = {
  type: FdTypes.SIGNALFD,
  matches: ({ link }) => link === 'anon_inode:[signalfd]',
  make:
    () =>
    ({ id, info, owner }) => ({
      sgfd: { id, flags: info.flags, fown: owner, sigmask: signalFdMask(info) ?? 0n },
    }),
};
