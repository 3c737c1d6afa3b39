import { closeSync } from 'node:fs';
import path from 'node:path';
import { CritError } from '../../image/errors.js';
import { RemapType, type FileEntry } from '../../image/generated/messages.js';
import { AT_FDCWD, AT_SYMLINK_FOLLOW } from '../../kernel/uapi/open-flags.js';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFLNK, S_IFMT } from '../../kernel/uapi/stat.js';
import { cString, sysRaw } from '../../native/sys.js';
import type { DumpContext } from '../context.js';
import { pathBytes } from '../../image/path-bytes.js';
import { statPath, type FileStat } from './file-stat.js';
import { Ghosts } from './ghost.js';
import type { OpenFile } from './open-file.js';
import { NO_OWNER } from './owner.js';
import { regularFile } from './regular-entry.js';
import { whyUnreachable } from './unreachable.js';
import { ERRNO, errnoWords } from '../../kernel/uapi/errno.js';

const DELETED = ' (deleted)';
/** What /proc calls a file of memfd_secret(2): one of a file system without names. */
const SECRETMEM = '/secretmem (deleted)';

/**
 * Finds names for open files. A file without any link is copied as a ghost; one whose name is gone or another file's,
 * but that has other links, gets a new one beside it (--link-remap), which belongs to the images: the restore removes it.
 */
export class Names implements Disposable {
  readonly #ctx: DumpContext;
  readonly #newId: () => number;
  readonly #add: (entry: FileEntry) => void;
  readonly #remap: (entry: { orig_id: number; remap_id: number; remap_type: number }) => void;
  readonly ghosts: Ghosts;
  /** Names that were looked up: many descriptions are of one file. */
  readonly #found = new Map<string, FileStat | undefined>();
  /** File ids of links, by inode. */
  readonly #links = new Map<string, number>();
  readonly #made: string[] = [];
  #keep = false;

  constructor(
    ctx: DumpContext,
    newId: () => number,
    add: (entry: FileEntry) => void,
    remap: (entry: { orig_id: number; remap_id: number; remap_type: number }) => void,
  ) {
    this.#ctx = ctx;
    this.#newId = newId;
    this.#add = add;
    this.#remap = remap;
    this.ghosts = new Ghosts(ctx);
  }

  /** @throws CritError when the file cannot be found again */
  nameOf(id: number, file: OpenFile): string {
    const { link, stat, where } = file;
    if (!link.startsWith('/'))
      throw new CritError(`${where} (${link}): its path is outside of what crit sees`, { code: 'UNSUPPORTED' });
    const proc = /^\/proc\/(\d+)(\/|$| )/.exec(link);
    if (link.startsWith('/proc/') && !this.#stat(link)?.nlink && !proc)
      throw new CritError(`${where} (${link}): this file of /proc is gone`, { code: 'UNSUPPORTED' });
    if (proc) return this.#procName(file, Number(proc[1]));
    if (link.startsWith('/proc/')) return link;
    const type = stat.mode & S_IFMT;
    if (link === SECRETMEM)
      throw new CritError(`${where}: secret memory (memfd_secret(2)) is not supported`, { code: 'UNSUPPORTED' });
    if (stat.nlink === 0) return this.#ghost(id, file);
    const there = this.#lookUp(link, type === S_IFLNK);
    if (isSame(there, stat)) return link;
    // directories of some file systems keep their link count when they are removed
    if (type === S_IFDIR && !there && link.endsWith(DELETED)) return this.#ghost(id, file);
    if (link.endsWith(DELETED)) return this.#linked(id, file);
    if (there && this.#ctx.options.evasiveDevices && (type === S_IFCHR || type === S_IFBLK) && there.rdev === stat.rdev)
      return link;
    throw new CritError(`${where} (${link}): ${whyUnreachable(file, there)}`, { code: 'UNSUPPORTED' });
  }

  #stat(name: string, nofollow = false): FileStat | undefined {
    return statPath(this.#ctx.lookupRoot.path(name), nofollow);
  }

  #bytes(name: string): Uint8Array {
    return pathBytes(this.#ctx.lookupRoot.path(name));
  }

  #lookUp(name: string, nofollow: boolean): FileStat | undefined {
    if (this.#found.has(name)) return this.#found.get(name);
    const stat = this.#stat(name, nofollow);
    this.#found.set(name, stat);
    return stat;
  }

  /** Inode numbers of /proc/PID are made up on the way: the process must live. */
  #procName(file: OpenFile, pid: number): string {
    const { link, where, stat } = file;
    // those of net are looked up anew each time, and the kernel takes the older one for removed
    if (link.endsWith(DELETED) && isSame(this.#stat(strip(link)), stat)) return strip(link);
    if (link.endsWith(DELETED) || !this.#stat(`/proc/${pid}`))
      throw new CritError(`${where} (${link}): a file of process ${pid}, which has ended, is not supported yet`, {
        code: 'UNSUPPORTED',
      });
    return link;
  }

  #ghost(id: number, file: OpenFile): string {
    const ghost = this.ghosts.add(file);
    this.#remap({ orig_id: id, remap_id: ghost, remap_type: RemapType.GHOST });
    return strip(file.link);
  }

  #linked(id: number, file: OpenFile): string {
    const name = strip(file.link);
    if (!this.#ctx.options.linkRemap)
      throw new CritError(
        `${file.where} (${file.link}): its name was removed while other hard links of it remain: use --link-remap`,
        { code: 'LINK_REMAP' },
      );
    const key = `${file.stat.dev}:${file.stat.ino}`;
    let target = this.#links.get(key);
    if (target === undefined) {
      target = this.#newId();
      const made = this.#ctx.running ? name : this.#makeLink(name, target, file);
      this.#links.set(key, target);
      this.#add(regularFile({ id: target, name: made, stat: file.stat, flags: 0, pos: 0n, fown: NO_OWNER }));
    }
    this.#remap({ orig_id: id, remap_id: target, remap_type: RemapType.LINKED });
    return name;
  }

  /** Makes the link beside the old name, or above where the directory is gone too. */
  #makeLink(name: string, id: number, file: OpenFile): string {
    const fd = file.open();
    try {
      let dir = path.posix.dirname(name);
      for (let tries = 0; ;) {
        const made = path.posix.join(dir, `link_remap.${id}${tries ? `.${tries}` : ''}`);
        const r = sysRaw(
          'linkat',
          AT_FDCWD,
          cString(`/proc/self/fd/${fd}`),
          AT_FDCWD,
          this.#bytes(made),
          AT_SYMLINK_FOLLOW,
        );
        if (r >= 0) {
          this.#made.push(made);
          return made;
        }
        if (r === -ERRNO.EEXIST && isSame(this.#stat(made, true), file.stat)) return made; // that of an earlier dump
        if (r === -ERRNO.EEXIST && tries < 100) tries++;
        else if (r === -ERRNO.ENOENT && dir !== '/') dir = path.posix.dirname(dir);
        else
          throw new CritError(`${file.where} (${file.link}): no link can be made for it: ${errnoWords(-r)}`, {
            code: 'LINK_REMAP',
          });
      }
    } finally {
      closeSync(fd);
    }
  }

  /** The dump is complete: the links belong to its images, and stay for the restore. */
  keepLinks(): void {
    this.#keep = true;
  }

  [Symbol.dispose](): void {
    this.ghosts[Symbol.dispose]();
    if (this.#keep) return;
    for (const name of this.#made.splice(0)) sysRaw('unlinkat', AT_FDCWD, this.#bytes(name), 0);
  }
}

function isSame(there: FileStat | undefined, stat: FileStat): boolean {
  return there !== undefined && there.ino === stat.ino && there.dev === stat.dev;
}

function strip(link: string): string {
  return link.endsWith(DELETED) ? link.slice(0, -DELETED.length) : link;
}
