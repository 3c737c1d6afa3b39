import { fstatSync } from 'node:fs';
import { imageFileName } from '../../image/catalogue.js';
import { inheritKeys } from '../../image/external.js';
import type { FileEntry } from '../../image/generated/messages.js';
import { AT_FDCWD } from '../../kernel/uapi/open-flags.js';
import type { Batch } from '../../task/batch.js';
import type { RestoreContext } from '../context.js';
import type { Part } from '../part.js';
import type { FileImages } from './file-images.js';
import { openFlags, place } from './place.js';

/**
 * Files that come from crit's own descriptors (--inherit-fd) instead of the images: the tree has the very description
 * that crit was given, with its position and flags. A pipe is opened again, as its end may be the other one.
 */
export class InheritedFiles {
  /** crit's descriptors by the ids of the files. */
  readonly #fds = new Map<number, number>();
  readonly #images: FileImages;

  constructor(ctx: RestoreContext, images: FileImages) {
    this.#images = images;
    const { inheritFds } = ctx.options;
    if (inheritFds.size === 0) return;
    const names = new Map(images.dir.messages('MEMFD_INODE')?.map(({ inode_id, name }) => [Number(inode_id), name]));
    const terminals = new Map(images.dir.messages('TTY_INFO')?.map((info) => [info.id, info]));
    const met = new Set<string>();
    for (const entry of images.byId.values())
      for (const key of inheritKeys(
        entry,
        (inode) => names.get(inode),
        (id) => terminals.get(id),
      )) {
        const fd = inheritFds.get(key);
        if (fd === undefined) continue;
        met.add(key);
        this.#fds.set(entry.id, fd);
      }
    for (const key of inheritFds.keys())
      if (!met.has(key)) ctx.log.warn(`--inherit-fd: no file of ${imageFileName('FILES')} is called ${key}`);
  }

  /** crit's descriptor that stands for a file. */
  of(id: number): number | undefined {
    return this.#fds.get(id);
  }

  /** Those that are not opened again by their kind: descriptors refer to them. */
  #placed(): { readonly entry: FileEntry; readonly fd: number }[] {
    return [...this.#fds]
      .map(([id, fd]) => ({ entry: this.#images.byId.get(id)!, fd }))
      .filter(({ entry }) => !entry.reg?.ext && !entry.tty && this.#images.used.has(entry.id));
  }

  /** Adds the operations that give the root one of crit's descriptors. */
  fetch(b: Batch, fd: number, slot: number): void {
    using _doing = b.doing(`taking descriptor ${fd} of crit`);
    fetchFromCrit(b, fd, slot);
  }

  part(slotOf: (id: number) => number): Part {
    const placed = this.#placed().map(({ entry, fd }) => ({ entry, fd, slot: slotOf(entry.id) }));
    return {
      name: 'inherited files',
      at: {
        open: ({ b }) => {
          for (const { entry, fd, slot } of placed) {
            this.fetch(b, fd, slot);
            const stat = fstatSync(fd);
            if (!entry.pipe || stat.isSocket()) continue;
            using _doing = b.doing(`opening descriptor ${fd} of crit again`);
            place(b, b.call('openat', AT_FDCWD, `/proc/self/fd/${slot}`, openFlags(entry.pipe.flags), 0), slot);
          }
        },
      },
      planLines: () =>
        [...this.#fds].map(
          ([id, fd]) =>
            `file ${id}: descriptor ${fd} of crit${placed.some(({ entry }) => entry.id === id) ? '' : ', opened again'}`,
        ),
    };
  }
}

/** Adds the operations that give the root one of crit's descriptors. 5 operations. */
export function fetchFromCrit(b: Batch, fd: number, slot: number): void {
  const crit = b.call('pidfd_open', process.pid, 0);
  place(b, b.call('pidfd_getfd', crit, fd, 0), slot);
  b.call('close', crit);
}
