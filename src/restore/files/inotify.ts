import { imageFileName } from '../../image/catalogue.js';
import { CritError } from '../../image/errors.js';
import { watchFault } from '../../image/watch-faults.js';
import type { InotifyFileEntry, InotifyWdEntry } from '../../image/generated/messages.js';
import { IN_ALL_EVENTS, IN_EXCL_UNLINK, IN_ONESHOT, INOTIFY_IOC_SETNEXTWD } from '../../kernel/uapi/fsnotify.js';
import type { Ref } from '../../task/batch.js';
import type { Files, GroupMaker } from './group.js';
import { place, setFlags } from './place.js';
import { WatchedFiles, type Watched } from './watched.js';

/** Of a mask the kernel tells more (before 6.0: that it is a directory's), and takes less. */
const MASK = IN_ALL_EVENTS | IN_EXCL_UNLINK | IN_ONESHOT;

interface Watch {
  readonly entry: InotifyWdEntry;
  readonly file: Watched;
}

/** inotify(7). Watches are set when crit opens and closes nothing any more, so that they do not see it. */
export const inotify: GroupMaker<'ify'> = (files, entries) => {
  const watched = new WatchedFiles(files);
  const watches = new Map(entries.map(({ id, ify }) => [id, watchesOf(files, watched, ify)]));
  const made: { where: string; wd: number; ref: Ref }[] = [];
  for (const { id } of entries) files.slot(id);
  return {
    name: 'inotifies',
    at: {
      outside: () => {
        watched.outside();
      },
      open: ({ b }) => {
        for (const { id, ify } of entries) {
          place(b, b.call('inotify_init1', 0), files.slot(id));
          setFlags(b, files.slot(id), ify.flags);
        }
      },
      fill: () => {
        watched.fill();
      },
      closed: ({ table, b }) => {
        for (const { id } of entries) {
          const holder = files.images.holder(id);
          if (holder?.table !== table) continue;
          using _doing = b.doing(`setting the watches of file ${id}`);
          for (const { entry, file } of watches.get(id)!) {
            b.call('ioctl', holder.fd, INOTIFY_IOC_SETNEXTWD, entry.wd);
            const ref = b.call('inotify_add_watch', holder.fd, file.path, entry.mask & MASK);
            made.push({ where: whereOf(entry), wd: entry.wd, ref });
          }
        }
      },
      whole: () => {
        watched.letGo();
        for (const { where, wd, ref } of made)
          if (ref.value !== wd)
            throw new CritError(`${where}: its file is that of watch ${ref.value}: it was another one`, {
              code: 'MISSING_FILE',
            });
      },
    },
    undo: () => {
      watched.letGo();
    },
  };
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
