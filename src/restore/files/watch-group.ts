import type { Batch } from '../../task/batch.js';
import type { FileGroup, Files } from './group.js';
import type { WatchedFiles } from './watched.js';

/** What watches files, and how it is made. */
interface Watching {
  readonly name: string;
  readonly ids: readonly number[];
  readonly watched: WatchedFiles;
  /** Opens one, without what it watches. */
  readonly open: (b: Batch, id: number) => void;
  /** Sets what one watches. @param fd of a process that holds it */
  readonly set: (b: Batch, id: number, fd: number) => void;
  /** When all is there. */
  readonly check?: () => void;
}

/**
 * inotify(7), fanotify(7). What they watch is set when crit opens and closes nothing any more, so that they do not see it:
 * by the first process that holds one.
 */
export function watchGroup(files: Files, { name, ids, watched, open, set, check }: Watching): FileGroup {
  for (const id of ids) files.slot(id);
  return {
    name,
    at: {
      outside: () => {
        watched.outside();
      },
      open: ({ b }) => {
        for (const id of ids) {
          using _doing = b.doing(`making file ${id}`);
          open(b, id);
        }
      },
      fill: () => {
        watched.fill();
      },
      closed: ({ table, b }) => {
        for (const id of ids) {
          const holder = files.images.holder(id);
          if (holder?.table !== table) continue;
          using _doing = b.doing(`setting what file ${id} watches`);
          set(b, id, holder.fd);
        }
      },
      whole: () => {
        watched.letGo();
        check?.();
      },
    },
    undo: () => {
      watched.letGo();
    },
  };
}
