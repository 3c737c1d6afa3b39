import { FdTypes, type EventfdFileEntry } from '../../image/generated/messages.js';
import { eventFdInfo } from '../../kernel/proc/fdinfo.js';
import type { FileKind } from './kind.js';

/** eventfd(2). Whether it counts as a semaphore is told since Linux 6.5. */
export const eventfd: FileKind = {
  type: FdTypes.EVENTFD,
  matches: ({ link }) => link === 'anon_inode:[eventfd]',
  make:
    () =>
    ({ id, info, owner }) => {
      const told = eventFdInfo(info);
      const efd: EventfdFileEntry = { id, flags: info.flags, fown: owner, counter: told?.count ?? 0n };
      if (told?.semaphore) efd.semaphore = true;
      return { efd };
    },
};
