import { closeSync, fstatSync } from 'node:fs';
import { imageFileName } from '../../image/catalogue.js';
import { CritError } from '../../image/errors.js';
import { watchFault } from '../../image/watch-faults.js';
import type { InotifyFileEntry, InotifyWdEntry } from '../../image/generated/messages.js';
import {
  CHANGEABLE,
  F_SETFL,
  O_ASYNC,
  O_CLOEXEC,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
} from '../../kernel/uapi/open-flags.js';
import { pathOfHandle } from '../../task/handle-path.js';
import { SysError } from '../../native/sys.js';
import type { Batch } from '../../task/batch.js';
import type { Files, GroupMaker } from './group.js';
import { lookUp, type Found } from './look-up.js';
import { place, setFlags } from './place.js';
import { exchanged } from '../../task/verified-open.js';

/** So many numbers are passed over at most to give a watch its own. */
const MOST_GAPS = 1 << 16;
/** struct inotify_event without a name. */
const EVENT_BYTES = 16;
/** Events that are read at once. */
const READ_BYTES = 256 * EVENT_BYTES;

interface Watch {
  readonly entry: InotifyWdEntry;
  readonly found: Found;
  /** crit's own descriptor of the file, by which the puppet names it. */
  fd: number;
}

/**
 * inotify(7). Watches are set when crit opens and closes nothing any more, so that they do not see it. The kernel gives
 * watches their numbers in ascending order: one that is not wanted is passed over by a watch that is removed at once.
 */
export const inotify: GroupMaker<'ify'> = (files, entries) => {
  const watches = new Map(entries.map(({ id, ify }) => [id, watchesOf(files, ify)]));
  const letGo = () => {
    for (const watch of [...watches.values()].flat()) {
      if (watch.fd >= 0) closeSync(watch.fd);
      watch.fd = -1;
    }
  };
  for (const { id } of entries) files.slot(id);
  return {
    name: 'inotifies',
    at: {
      outside: () => {
        for (const watch of [...watches.values()].flat()) watch.fd = openSeen(watch.found);
      },
      open: ({ b }) => {
        for (const { id, ify } of entries) {
          place(b, b.call('inotify_init1', 0), files.slot(id));
          setFlags(b, files.slot(id), ify.flags);
        }
      },
      closed: ({ table, b }) => {
        for (const { id, ify } of entries) {
          const holder = files.images.holder(id);
          if (holder?.table !== table) continue;
          using _doing = b.doing(`setting the watches of file ${id}`);
          setWatches(b, holder.fd, ify, watches.get(id)!);
        }
      },
      whole: letGo,
    },
    undo: letGo,
  };
};

function watchesOf({ ctx, images }: Files, { id, wd }: InotifyFileEntry): Watch[] {
  const where = (entry: InotifyWdEntry) => `${imageFileName('FILES')}: file ${id}: watch ${entry.wd}`;
  const sorted = [...(wd ?? [])].sort((x, y) => x.wd - y.wd);
  const watches: Watch[] = [];
  let last = 0;
  for (const entry of sorted) {
    const fault = watchFault(entry, last);
    if (fault !== undefined) throw new CritError(`${where(entry)} ${fault}`, { code: 'BAD_IMAGE' });
    if (entry.wd - sorted.indexOf(entry) > MOST_GAPS)
      throw new CritError(`${where(entry)}: so many watches were removed before that its number cannot be had`, {
        code: 'UNSUPPORTED',
      });
    last = entry.wd;
    const path = entry.f_handle.path ?? nameOf(entry);
    const found = path === undefined ? undefined : lookUp(ctx.lookupRoot, path, true);
    if (!found || found.links.length > 0)
      ctx.refuse(
        new CritError(
          found
            ? `${path} is reached through ${found.links[0]!.path}, a symbolic link: the dumped tree watched it by another way`
            : `${where(entry)}: ${path === undefined ? 'its file' : `file ${path}`} is missing: the dumped tree watched it; put it back and restore again`,
          { code: 'MISSING_FILE' },
        ),
      );
    else watches.push({ entry, found, fd: -1 });
  }
  if (sorted.length > 0 && !images.holder(id))
    throw new CritError(
      `${imageFileName('FILES')}: file ${id}: an inotify in the queue of a socket: not supported yet`,
      {
        code: 'UNSUPPORTED',
      },
    );
  return watches;
}

/** Images of CRIU mostly have the handle alone. */
function nameOf({ s_dev, i_ino, f_handle: { bytes, type, handle } }: InotifyWdEntry): string | undefined {
  const words = new BigUint64Array(handle ?? []);
  return pathOfHandle(s_dev, i_ino, {
    type,
    bytes: new Uint8Array(words.buffer, 0, Math.min(bytes, words.byteLength)),
  });
}

/** Opens what was looked at, and nothing that somebody has put in its place. */
function openSeen(seen: Found): number {
  const fd = seen.root.open(seen.path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) throw new SysError('openat2', -fd);
  const now = fstatSync(fd, { bigint: true });
  if (now.dev === seen.dev && now.ino === seen.ino) return fd;
  closeSync(fd);
  throw exchanged(seen);
}

function setWatches(b: Batch, inotify: number, { flags }: InotifyFileEntry, watches: readonly Watch[]): void {
  const gaps = (watches.at(-1)?.entry.wd ?? 0) - watches.length;
  // events of watches that are removed must neither be seen nor signalled
  if (gaps > 0) b.call('fcntl', inotify, F_SETFL, (flags & CHANGEABLE) | O_NONBLOCK);
  let next = 1;
  for (const { entry, fd } of watches) {
    const path = `/proc/${process.pid}/fd/${fd}`;
    for (; next < entry.wd; next++) {
      b.call('inotify_add_watch', inotify, path, entry.mask);
      b.call('inotify_rm_watch', inotify, next);
      if (next % (READ_BYTES / EVENT_BYTES) === 0) b.tryCall('read', inotify, b.out(READ_BYTES), READ_BYTES);
    }
    b.call('inotify_add_watch', inotify, path, entry.mask);
    next++;
  }
  if (gaps === 0) return;
  b.tryCall('read', inotify, b.out(READ_BYTES), READ_BYTES);
  b.call('fcntl', inotify, F_SETFL, flags & (CHANGEABLE | O_ASYNC));
}
