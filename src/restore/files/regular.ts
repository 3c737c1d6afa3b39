import { closeSync } from 'node:fs';
import { imageFileName } from '../../image/catalogue.js';
import { O_PATH, SEEK_SET } from '../../kernel/uapi/open-flags.js';
import { S_IFCHR, S_IFMT } from '../../kernel/uapi/stat.js';
import { bootId, readLogUpTo } from '../../task/kernel-log.js';
import { group, type GroupMaker } from './group.js';
import { openFlags, place } from './place.js';

/** Position in images of files that have none. */
const NO_POSITION = 0xffff_ffff_ffff_ffffn;

/** Regular files, directories, devices without state, and what is only held (O_PATH). */
export const regular: GroupMaker<'reg'> = (files, entries) => {
  const logs: { slot: number; next: bigint }[] = [];
  for (const { id, reg } of entries) {
    const { flags, pos, mode } = reg;
    const slot = files.slot(id);
    const { kmsg_next, kmsg_boot } = reg;
    // of another start of the machine all messages are new
    if (kmsg_next !== undefined && kmsg_boot === bootId() && files.inherited.of(id) === undefined)
      logs.push({ slot, next: kmsg_next });
    files.names.add(id, imageFileName('FILES'), flags & O_PATH ? 'handle' : 'descriptor', (b, open) => {
      place(b, open(b, openFlags(flags)), slot);
      if (flags & O_PATH || pos === 0n || pos === NO_POSITION) return;
      const device = ((mode ?? 0) & S_IFMT) === S_IFCHR;
      if (device) b.tryCall('lseek', slot, pos, SEEK_SET);
      else b.call('lseek', slot, pos, SEEK_SET);
    });
  }
  return group('regular files', {
    fill: () => {
      for (const { slot, next } of logs) {
        const fd = files.take(slot);
        try {
          readLogUpTo(fd, next);
        } finally {
          closeSync(fd);
        }
      }
    },
  });
};
