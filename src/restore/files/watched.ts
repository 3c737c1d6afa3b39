import { closeSync, fstatSync } from 'node:fs';
import { CritError } from '../../image/errors.js';
import type { FhEntry } from '../../image/generated/messages.js';
import type { FileHandle } from '../../kernel/proc/fdinfo.js';
import { readMountInfo } from '../../kernel/proc/mountinfo.js';
import { O_CLOEXEC, O_NOFOLLOW, O_PATH } from '../../kernel/uapi/open-flags.js';
import { SysError } from '../../native/sys.js';
import { openHandle, pathOfHandle } from '../../task/handle-path.js';
import { exchanged } from '../../task/verified-open.js';
import { Ghost } from './ghost.js';
import type { Files } from './group.js';
import { lookUp, type Found } from './look-up.js';

/** A file that is watched: a descriptor of crit's, by which puppets name it. */
export class Watched {
  readonly open: () => number;
  /** It is a file of the tree, which is open when the root has it. */
  readonly ofTree: boolean;
  fd = -1;

  constructor(open: () => number, ofTree = false) {
    this.open = open;
    this.ofTree = ofTree;
  }

  get path(): string {
    return `/proc/${process.pid}/fd/${this.fd}`;
  }
}

/** The files that the watches of one kind are on. */
export class WatchedFiles {
  readonly #files: Files;
  readonly #all: Watched[] = [];
  #ghosts: Map<string, number> | undefined;

  constructor(files: Files) {
    this.#files = files;
  }

  /**
   * Finds the file of a watch; one that is missing is refused.
   * @param where for messages: "files.img: file 1: watch 2"
   */
  find(where: string, s_dev: number, i_ino: bigint, f_handle: FhEntry): Watched | undefined {
    const ghost = f_handle.path === undefined ? this.#ghost(s_dev, i_ino) : undefined;
    if (ghost !== undefined) return this.#add(() => this.#files.take(this.#files.slot(ghost)), true);
    const path = f_handle.path ?? nameOf(s_dev, i_ino, f_handle);
    if (path !== undefined) return this.named(where, path);
    const again = () => openHandle(s_dev, i_ino, handleOf(f_handle)) ?? -1;
    const fd = again();
    if (fd < 0) {
      this.#refuse(`${where}: its file is missing: the dumped tree watched it; put it back and restore again`);
      return undefined;
    }
    closeSync(fd);
    return this.#add(again);
  }

  /** The same by name. */
  named(where: string, path: string): Watched | undefined {
    const { ctx } = this.#files;
    const found = lookUp(ctx.lookupRoot, path, true);
    if (!found) {
      this.#refuse(`${where}: file ${path} is missing: the dumped tree watched it; put it back and restore again`);
      return undefined;
    }
    if (found.links.length === 0) return this.#add(() => openSeen(found));
    this.#refuse(
      `${path} is reached through ${found.links[0]!.path}, a symbolic link: the dumped tree watched it by another way`,
    );
    return undefined;
  }

  /** A mount, or a file system, by where it is mounted. */
  mountPoint(where: string, path: string): Watched | undefined {
    const watched = this.named(where, path);
    if (!watched || readMountInfo(process.pid).some(({ mountPoint }) => mountPoint === path)) return watched;
    this.#refuse(
      `${where}: nothing is mounted at ${path}: the dumped tree watched what was; mount it and restore again`,
    );
    return undefined;
  }

  #refuse(what: string): void {
    this.#files.ctx.refuse(new CritError(what, { code: 'MISSING_FILE' }));
  }

  #add(open: () => number, ofTree = false): Watched {
    const watched = new Watched(open, ofTree);
    this.#all.push(watched);
    return watched;
  }

  /** A deleted file that the tree has open, by device and inode of the dump. */
  #ghost(dev: number, ino: bigint): number | undefined {
    if (!this.#ghosts) {
      const { remaps, used, dir } = this.#files.images;
      this.#ghosts = new Map();
      for (const [id, { kind, target }] of remaps) {
        if (kind !== 'ghost' || !used.has(id)) continue;
        const { entry } = new Ghost(dir, target);
        this.#ghosts.set(`${entry.dev ?? 0}:${entry.ino ?? 0n}`, id);
      }
    }
    return this.#ghosts.get(`${dev}:${ino}`);
  }

  /** Opens those that are outside of the tree. */
  outside(): void {
    for (const watched of this.#all) if (!watched.ofTree) this.#open(watched);
  }

  /** Takes those of the tree, which the root has open by now. */
  fill(): void {
    for (const watched of this.#all) if (watched.ofTree) this.#open(watched);
  }

  #open(watched: Watched): void {
    watched.fd = watched.open();
    if (watched.fd < 0) throw new CritError('a watched file is gone since it was looked at', { code: 'MISSING_FILE' });
  }

  letGo(): void {
    for (const watched of this.#all) {
      if (watched.fd >= 0) closeSync(watched.fd);
      watched.fd = -1;
    }
  }
}

function handleOf({ bytes, type, handle }: FhEntry): FileHandle {
  const words = new BigUint64Array(handle ?? []);
  return { type, bytes: new Uint8Array(words.buffer, 0, Math.min(bytes, words.byteLength)) };
}

/** Images of CRIU mostly have the handle alone. */
const nameOf = (s_dev: number, i_ino: bigint, f_handle: FhEntry): string | undefined =>
  pathOfHandle(s_dev, i_ino, handleOf(f_handle));

/** Opens what was looked at, and nothing that somebody has put in its place. */
function openSeen(seen: Found): number {
  const fd = seen.root.open(seen.path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) throw new SysError('openat2', -fd);
  const now = fstatSync(fd, { bigint: true });
  if (now.dev === seen.dev && now.ino === seen.ino) return fd;
  closeSync(fd);
  throw exchanged(seen);
}
