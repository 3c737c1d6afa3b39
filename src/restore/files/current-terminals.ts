import { imageFileName } from '../../image/catalogue.js';
import { CritError } from '../../image/errors.js';
import { AT_FDCWD, O_NOCTTY } from '../../kernel/uapi/open-flags.js';
import type { Batch } from '../../task/batch.js';
import type { RestoreTask } from '../context.js';
import type { Files } from './group.js';
import { openFlags, place, setFlags } from './place.js';
import type { ControlledSession } from './controlled-session.js';
import type { OpenTerminal } from './open-terminal.js';

/** Files that were opened as /dev/tty: the leader of the session opens them, which has its controlling terminal by then. */
export class CurrentTerminals {
  readonly #files: Files;
  readonly #opened: { readonly end: OpenTerminal; readonly leader: RestoreTask }[];

  /** @throws CritError UNSUPPORTED */
  constructor(files: Files, ends: readonly OpenTerminal[], sessions: readonly ControlledSession[]) {
    this.#files = files;
    const queued = new Set([...files.images.queues.values()].flat().flatMap(({ rights }) => rights));
    this.#opened = ends.map((end) => {
      const { id } = end.entry;
      const { leader } = sessions.find((session) => session.leader?.pid === end.info.sid) ?? {};
      const no = (why: string) =>
        new CritError(`${imageFileName('FILES')}: file ${id} was opened as /dev/tty: ${why}`, { code: 'UNSUPPORTED' });
      if (!leader) throw no(`the leader of session ${end.info.sid} is not in the images`);
      if (queued.has(id)) throw no('it cannot be in the queue of a socket');
      return { end, leader };
    });
  }

  get ids(): readonly number[] {
    return this.#opened.map(({ end }) => end.entry.id);
  }

  /** Has the leaders open them, and the root take them. @param root its batch */
  open(root: Batch): void {
    const { images, ctx } = this.#files;
    for (const { end, leader } of this.#opened) {
      const { id, tty } = end.entry;
      const slot = this.#files.slot(id);
      const b = leader.batch();
      using _doing = b.doing(`opening /dev/tty for file ${id}`);
      place(b, b.call('openat', AT_FDCWD, '/dev/tty', openFlags(tty.flags) | O_NOCTTY, 0), slot);
      setFlags(b, slot, tty.flags);
      b.run();
      if (images.tableOf.get(leader) === images.tableOf.get(ctx.root)) continue;
      const pidfd = root.call('pidfd_open', leader.pid, 0);
      place(root, root.call('pidfd_getfd', pidfd, slot, 0), slot);
      root.call('close', pidfd);
      root.run();
      b.call('close', slot);
      b.run();
    }
  }
}
