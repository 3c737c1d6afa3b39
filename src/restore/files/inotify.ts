import { imageFileName } from '../../image/catalogue.js';
import { CritError } from '../../image/errors.js';
import { watchFault } from '../../image/watch-faults.js';
import type { InotifyFileEntry, InotifyWdEntry } from '../../image/generated/messages.js';
import { IN_ALL_EVENTS, IN_EXCL_UNLINK, IN_ONESHOT, INOTIFY_IOC_SETNEXTWD } from '../../kernel/uapi/fsnotify.js';
import type { Ref } from '../../task/batch.js';
import type { Files, GroupMaker } from './group.js';
import { place, setFlags } from './place.js';
import { watchGroup } from './watch-group.js';
import { WatchedFiles, type Watched } from './watched.js';

/** Of a mask the kernel tells more (before 6.0: that it is a directory's), and takes less. */
const MASK = IN_ALL_EVENTS | IN_EXCL_UNLINK | IN_ONESHOT;

interface Watch {
  readonly entry: InotifyWdEntry;
  readonly file: Watched;
}

/** inotify(7) */
export const inotify: GroupMaker<'ify'> = (files, entries) => {
  const watched = new WatchedFiles(files);
  const byId = new Map(entries.map(({ id, ify }) => [id, ify]));
  const watches = new Map(entries.map(({ id, ify }) => [id, watchesOf(files, watched, ify)]));
  const made: { where: string; wd: number; ref: Ref }[] = [];
  return watchGroup(files, {
    name: 'inotifies',
    ids: [...byId.keys()],
    watched,
    open: (b, id) => {
      place(b, b.call('inotify_init1', 0), files.slot(id));
      setFlags(b, files.slot(id), byId.get(id)!.flags);
    },
    set: (b, id, fd) => {
      for (const { entry, file } of watches.get(id)!) {
        b.call('ioctl', fd, INOTIFY_IOC_SETNEXTWD, entry.wd);
        const ref = b.call('inotify_add_watch', fd, file.path, entry.mask & MASK);
        made.push({ where: whereOf(entry), wd: entry.wd, ref });
      }
    },
    check: () => {
      for (const { where, wd, ref } of made)
        if (ref.value !== wd)
          throw new CritError(`${where}: its file is that of watch ${ref.value}: it was another one`, {
            code: 'MISSING_FILE',
          });
    },
  });
};

const whereOf = ({ id, wd }: InotifyWdEntry) => `${imageFileName('FILES')}: file ${id}: watch ${wd}`;

function watchesOf({ images }: Files, watched: WatchedFiles, { id, wd }: InotifyFileEntry): Watch[] {
  const watches: Watch[] = [];
  let last = 0;
  for (const entry of [...(wd ?? [])].sort((x, y) => x.wd - y.wd)) {
    const where = whereOf({ ...entry, id });
    const fault = watchFault(entry, last);
    if (fault !== undefined) throw new CritError(`${where} ${fault}`, { code: 'BAD_IMAGE' });
    last = entry.wd;
    const file = watched.find(where, entry.s_dev, entry.i_ino, entry.f_handle);
    if (file) watches.push({ entry: { ...entry, id }, file });
  }
  if (last > 0 && !images.holder(id))
    throw new CritError(
      `${imageFileName('FILES')}: file ${id}: an inotify in the queue of a socket: not supported yet`,
      {
        code: 'UNSUPPORTED',
      },
    );
  return watches;
}
