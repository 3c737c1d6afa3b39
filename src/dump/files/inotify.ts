import { FdTypes } from '../../image/generated/messages.js';
import { inotifyWatches } from '../../kernel/proc/fdinfo.js';
import type { FileKind } from './kind.js';
import { unsupported } from './unsupported.js';
import { refuseUnread, watchedFile } from './watched.js';

/** inotify(7). */
export const inotify: FileKind = {
  type: FdTypes.INOTIFY,
  matches: ({ link }) => link === 'anon_inode:inotify',
  make: (files) => (file) => {
    refuseUnread(files, file, 'an inotify');
    const { id, info, owner } = file;
    const wd = inotifyWatches(info).map((watch) => ({
      id,
      i_ino: watch.ino,
      mask: watch.mask,
      ignored_mask: 0,
      s_dev: watch.sdev,
      wd: watch.wd,
      f_handle: watchedFile(files, file, `an inotify whose watch ${watch.wd}`, watch),
    }));
    // watches are set last, by who has the descriptor
    if (file.inFlight && wd.length > 0) throw unsupported(file, 'an inotify with watches');
    return { ify: { id, flags: info.flags, fown: owner, wd } };
  },
};
