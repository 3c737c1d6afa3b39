import { imageFileName } from '../../image/catalogue.js';
import { CritError } from '../../image/errors.js';
import { MarkType, type FanotifyFileEntry, type FanotifyMarkEntry } from '../../image/generated/messages.js';
import {
  FAN_MARK_ADD,
  FAN_MARK_EVICTABLE,
  FAN_MARK_FILESYSTEM,
  FAN_MARK_IGNORE,
  FAN_MARK_IGNORED_MASK,
  FAN_MARK_IGNORED_SURV_MODIFY,
  FAN_MARK_MOUNT,
  FAN_PERMISSION_EVENTS,
} from '../../kernel/uapi/fsnotify.js';
import { AT_FDCWD, CHANGEABLE, F_SETFL } from '../../kernel/uapi/open-flags.js';
import type { Batch } from '../../task/batch.js';
import type { Files, GroupMaker } from './group.js';
import { place } from './place.js';
import { watchGroup } from './watch-group.js';
import { WatchedFiles, type Watched } from './watched.js';

interface Mark {
  readonly entry: FanotifyMarkEntry;
  readonly file: Watched;
}

/** What a mark is on. */
const ON: Readonly<Record<number, number>> = {
  [MarkType.INODE]: 0,
  [MarkType.MOUNT]: FAN_MARK_MOUNT,
  [MarkType.FILESYSTEM]: FAN_MARK_FILESYSTEM,
};

/** fanotify(7) */
export const fanotify: GroupMaker<'ffy'> = (files, entries) => {
  const watched = new WatchedFiles(files);
  const byId = new Map(entries.map(({ id, ffy }) => [id, ffy]));
  const marks = new Map(entries.map(({ id, ffy }) => [id, marksOf(files, watched, ffy)]));
  return watchGroup(files, {
    name: 'fanotify groups',
    ids: [...byId.keys()],
    watched,
    open: (b, id) => {
      const { faflags, evflags, flags } = byId.get(id)!;
      place(b, b.call('fanotify_init', faflags, evflags), files.slot(id));
      b.call('fcntl', files.slot(id), F_SETFL, flags & CHANGEABLE);
    },
    set: (b, id, fd) => {
      // the kernel tells the last one first
      for (const mark of marks.get(id)!.toReversed()) setMark(b, fd, mark);
    },
  });
};

function marksOf({ images }: Files, watched: WatchedFiles, { id, mark }: FanotifyFileEntry): Mark[] {
  const marks: Mark[] = [];
  for (const [i, entry] of (mark ?? []).entries()) {
    const { type, mask, ignored_mask, s_dev, ie, me } = entry;
    const where = `${imageFileName('FILES')}: file ${id}: mark ${i}`;
    const bad = (what: string) => new CritError(`${where}: ${what}`, { code: 'BAD_IMAGE' });
    if (!(type in ON)) throw bad(`${type} is no type of a mark`);
    if ((mask | ignored_mask) & FAN_PERMISSION_EVENTS)
      throw new CritError(`${where}: a fanotify group that is asked for permission is not supported yet`, {
        code: 'UNSUPPORTED',
      });
    let file: Watched | undefined;
    if (type === MarkType.INODE) {
      if (!ie) throw bad('it is on a file, which is missing');
      file = watched.find(where, s_dev, ie.i_ino, ie.f_handle);
    } else {
      if (me?.path === undefined) throw bad('it is on a mount, whose path is missing');
      file = watched.mountPoint(where, me.path);
    }
    if (file) marks.push({ entry, file });
  }
  if (marks.length > 0 && !images.holder(id))
    throw new CritError(
      `${imageFileName('FILES')}: file ${id}: a fanotify group in the queue of a socket: not supported yet`,
      { code: 'UNSUPPORTED' },
    );
  return marks;
}

/** One mark, or what it leaves out, in two calls: the flags of the latter make no sense for the former. */
function setMark(b: Batch, group: number, { entry, file }: Mark): void {
  const { type, mflags, mask, ignored_mask } = entry;
  const flags = FAN_MARK_ADD | ON[type]! | (mflags & FAN_MARK_EVICTABLE);
  if (mask) b.call('fanotify_mark', group, flags, mask, AT_FDCWD, file.path);
  if (!ignored_mask) return;
  const how = mflags & FAN_MARK_IGNORE ? FAN_MARK_IGNORE : FAN_MARK_IGNORED_MASK;
  b.call(
    'fanotify_mark',
    group,
    flags | how | (mflags & FAN_MARK_IGNORED_SURV_MODIFY),
    ignored_mask,
    AT_FDCWD,
    file.path,
  );
}
