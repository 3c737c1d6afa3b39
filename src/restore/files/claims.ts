import type { FileImages } from './file-images.js';

/** Lower numbers are left to what is opened for a moment. */
const LOWEST = 16;
/** So many numbers are kept for what is opened besides: mappings, programs, directories, images. */
const SPARE = 256;

/**
 * Numbers of tables at which files wait, in the root and in all tasks, where there are not two numbers for every file of
 * the tree (RLIMIT_NOFILE). A number will do that every table which has the file has for it; a table that has not the
 * file may have another one there, but the root's may not: it keeps all files until the end.
 */
export class Claims {
  readonly #images: FileImages;
  readonly #numbers = new Map<number, number>();

  /** @param rootTable id of the root's table; @param limit numbers are below it; @param taken by tables and epolls */
  constructor(images: FileImages, rootTable: number, limit: number, taken: ReadonlySet<number>) {
    this.#images = images;
    let max = 0;
    for (const fd of taken) max = Math.max(max, fd);
    if (max + 1 + images.used.size + SPARE <= limit) return;
    const claimed = new Set<number>(this.#ofEpolls());
    const excluded = new Set([...images.queues.values()].flatMap((queue) => queue.flatMap(({ rights }) => rights)));
    for (const { epfd } of images.byId.values())
      for (const { target_id } of epfd?.tfd ?? []) if (target_id !== undefined) excluded.add(target_id);
    const root = images.tables.find(({ id }) => id === rootTable);
    for (const table of images.tables)
      for (const { fd, id } of table.entries) {
        if (fd < LOWEST || excluded.has(id) || claimed.has(fd) || this.#numbers.has(id)) continue;
        const there = root?.byFd.get(fd);
        if (there && there.id !== id) continue;
        const holders = images.tables.filter(({ entries }) => entries.some((entry) => entry.id === id));
        if (!holders.every(({ byFd }) => byFd.get(fd)?.id === id)) continue;
        claimed.add(fd);
        this.#numbers.set(id, fd);
      }
  }

  /** Numbers that are lent to what an epoll watches. */
  *#ofEpolls(): Generator<number> {
    for (const { epfd } of this.#images.byId.values())
      for (const { tfd, added_as } of epfd?.tfd ?? []) {
        yield tfd;
        if (added_as !== undefined) yield added_as;
      }
  }

  /** The number at which a file can wait. */
  of(id: number): number | undefined {
    return this.#numbers.get(id);
  }
}
