import { imageFileName } from '../../image/catalogue.js';
import { O_PATH, SEEK_SET } from '../../kernel/uapi/open-flags.js';
import { S_IFCHR, S_IFMT } from '../../kernel/uapi/stat.js';
import { group, type GroupMaker } from './group.js';
import { openFlags, place } from './place.js';

/** Position in images of files that have none. */
const NO_POSITION = 0xffff_ffff_ffff_ffffn;

/** Regular files, directories, devices without state, and what is only held (O_PATH). */
export const regular: GroupMaker<'reg'> = (files, entries) => {
  for (const { id, reg } of entries) {
    const { flags, pos, mode } = reg;
    const slot = files.slot(id);
    files.names.add(id, imageFileName('FILES'), flags & O_PATH ? 'handle' : 'descriptor', (b, open) => {
      place(b, open(b, openFlags(flags)), slot);
      if (flags & O_PATH || pos === 0n || pos === NO_POSITION) return;
      const device = ((mode ?? 0) & S_IFMT) === S_IFCHR;
      if (device) b.tryCall('lseek', slot, pos, SEEK_SET);
      else b.call('lseek', slot, pos, SEEK_SET);
    });
  }
  return group('regular files', {});
};
