import { lstatSync, mkdirSync, rmdirSync, statSync, unlinkSync, type BigIntStats } from 'node:fs';
import path from 'node:path';
import { CritError } from '../../image/errors.js';
import type { RegFileEntry } from '../../image/generated/messages.js';
import { S_IFLNK, S_IFMT } from '../../kernel/stat.js';
import type { Log } from '../../image/log.js';
import type { Batch } from '../../task/batch.js';
import type { FileImages } from './file-images.js';
import { Ghost, link } from './ghost.js';
import { pathBuffer, pathBytes } from './path-bytes.js';
import { whyFailed } from '../../image/system-words.js';

/** Adds the operations that open a file by a path. */
export type Opener = (b: Batch, path: Uint8Array) => void;

/**
 * Opens files by name. Files whose names were gone get them back for the moment in which all is opened: deleted files
 * from their ghost images, others from the links that the dump made beside them.
 */
export class Names implements Disposable {
  readonly #images: FileImages;
  readonly #log: Log;
  readonly #openers = new Map<number, Opener[]>();
  readonly #ghosts = new Map<number, Ghost>();
  /** Names that were looked at. */
  readonly #stats = new Map<string, BigIntStats | undefined>();
  /** What is to be removed again, last first. */
  readonly #made: { path: string; directory: boolean }[] = [];
  readonly #links = new Set<string>();

  constructor(images: FileImages, log: Log) {
    this.#images = images;
    this.#log = log;
  }

  /**
   * Has a file opened when its name is there.
   * @throws CritError naming the file, when it is missing or is not the one that was dumped
   */
  add(id: number, where: string, opener: Opener): void {
    const openers = this.#openers.get(id);
    if (openers) {
      openers.push(opener);
      return;
    }
    this.#check(id, this.#images.regular(id, where));
    this.#openers.set(id, [opener]);
  }

  #check(id: number, entry: RegFileEntry): void {
    if (entry.ext)
      throw new CritError(`file ${id} (${entry.name}) is an external one: not supported yet`, { code: 'UNSUPPORTED' });
    const remap = this.#images.remaps.get(id);
    if (remap?.kind === 'ghost') {
      if (!this.#ghosts.has(remap.target)) this.#ghosts.set(remap.target, new Ghost(this.#images.dir, remap.target));
      return;
    }
    const name = remap ? this.#images.regular(remap.target, 'remap-fpath.img').name : entry.name;
    if (remap) this.#links.add(name);
    if (ofProcess(name)) return;
    const stat = this.#stat(name, ((entry.mode ?? 0) & S_IFMT) === S_IFLNK);
    if (!stat)
      throw new CritError(`file ${name} is missing: the dumped tree had it open; put it back and restore again`, {
        code: 'MISSING_FILE',
      });
    if (entry.size !== undefined && stat.size !== entry.size)
      throw new CritError(
        `file ${name} has ${stat.size} bytes, when it was dumped it had ${entry.size}: put back the file of that time`,
        { code: 'CHANGED_FILE' },
      );
    if (entry.mode !== undefined && Number(stat.mode) !== entry.mode)
      throw new CritError(
        `file ${name} has mode 0${stat.mode.toString(8)}, when it was dumped it had 0${entry.mode.toString(8)}`,
        { code: 'CHANGED_FILE' },
      );
  }

  #stat(name: string, nofollow: boolean): BigIntStats | undefined {
    if (this.#stats.has(name)) return this.#stats.get(name);
    const options = { bigint: true, throwIfNoEntry: false } as const;
    let stat: BigIntStats | undefined;
    try {
      stat = nofollow ? lstatSync(pathBuffer(name), options) : statSync(pathBuffer(name), options);
    } catch (error) {
      throw new CritError(`file ${name} cannot be looked at: ${whyFailed(error)}`, {
        code: 'MISSING_FILE',
        cause: error,
      });
    }
    this.#stats.set(name, stat);
    return stat;
  }

  /** Makes the content of ghost files; they have no names yet, so nothing stays behind should crit die. */
  prepare(): void {
    for (const [id] of this.#openers) {
      const remap = this.#images.remaps.get(id);
      if (remap?.kind === 'ghost') this.#ghosts.get(remap.target)!.prepare(nearest(this.#name(id)));
    }
  }

  #name(id: number): string {
    return this.#images.byId.get(id)!.reg!.name;
  }

  /** Opens everything that was added, but files of processes in /proc, in one batch; takes the names away again. */
  open(b: Batch): void {
    try {
      const late = new Set(this.late());
      // directories first, the outer ones before what was in them
      const ids = [...this.#openers.keys()].filter((id) => !late.has(id)).sort((x, y) => this.#rank(x) - this.#rank(y));
      for (const id of ids) {
        const name = this.#appear(id);
        b.doing(`opening ${this.#name(id)}`);
        for (const opener of this.#openers.get(id)!) opener(b, pathBytes(name));
      }
      b.doing(undefined);
      b.run();
    } finally {
      this.cleanup();
    }
  }

  /** Files of processes in /proc, which are there when the processes are. */
  late(): number[] {
    return [...this.#openers.keys()].filter((id) => !this.#images.remaps.has(id) && ofProcess(this.#name(id)));
  }

  /** When all processes and threads exist. */
  openLate(b: Batch): void {
    for (const id of this.late()) {
      b.doing(`opening ${this.#name(id)}`);
      for (const opener of this.#openers.get(id)!) opener(b, pathBytes(this.#name(id)));
    }
    b.doing(undefined);
    b.run();
  }

  #rank(id: number): number {
    const remap = this.#images.remaps.get(id);
    if (!remap) return 0;
    if (remap.kind === 'ghost' && this.#ghosts.get(remap.target)!.isDirectory) return this.#name(id).length;
    return 1 << 20;
  }

  /** @returns the path under which a file can be opened now */
  #appear(id: number): string {
    const name = this.#name(id);
    const remap = this.#images.remaps.get(id);
    if (!remap) return name;
    const key = `${remap.kind}:${remap.target}`;
    let free = name;
    for (let i = 0; exists(free); i++) {
      // made for another description of the same file
      if (this.#made.some((made) => made.path === free) && this.#same.get(free) === key) return free;
      free = `${name}.cr_link${i || ''}`;
    }
    this.#makeParents(free);
    if (remap.kind === 'linked') {
      link(this.#images.byId.get(remap.target)!.reg!.name, free, name);
      this.#made.push({ path: free, directory: false });
      this.#same.set(free, key);
      return free;
    }
    const ghost = this.#ghosts.get(remap.target)!;
    const made = ghost.appear(free);
    if (made === free) this.#made.push({ path: free, directory: ghost.isDirectory });
    this.#same.set(free, key);
    return made;
  }
  /** What stands under the names that were made. */
  readonly #same = new Map<string, string>();

  /** Directories that a deleted file was in may be gone as well. */
  #makeParents(name: string): void {
    const missing: string[] = [];
    for (let dir = path.posix.dirname(name); !exists(dir); dir = path.posix.dirname(dir)) missing.push(dir);
    for (const dir of missing.reverse()) {
      mkdirSync(pathBuffer(dir), 0o700);
      this.#made.push({ path: dir, directory: true });
    }
  }

  /** Takes back every name that was made. */
  cleanup(): void {
    for (const { path: name, directory } of this.#made.splice(0).reverse())
      try {
        if (directory) rmdirSync(pathBuffer(name));
        else unlinkSync(pathBuffer(name));
      } catch (error) {
        this.#log.warn(`${name} was made for the restore and could not be removed again: ${whyFailed(error)}`);
      }
    this.#same.clear();
    for (const ghost of this.#ghosts.values()) ghost[Symbol.dispose]();
  }

  /** The tree runs: the links that the dump made are not needed any more. */
  removeLinks(): void {
    for (const name of this.#links)
      try {
        unlinkSync(pathBuffer(name));
      } catch (error) {
        this.#log.warn(`${name}, which the dump made, could not be removed: ${whyFailed(error)}`);
      }
    this.#links.clear();
  }

  /** Lines for `restore --dry-run`. */
  describe(): string[] {
    const lines: string[] = [];
    for (const [id] of this.#openers) {
      const remap = this.#images.remaps.get(id);
      if (remap?.kind === 'ghost') lines.push(`file ${id}: ${this.#name(id)}, deleted: made from its ghost image`);
      else if (remap)
        lines.push(`file ${id}: ${this.#name(id)}, through the link ${this.#images.byId.get(remap.target)!.reg!.name}`);
      else lines.push(`file ${id}: ${this.#name(id)}`);
    }
    return lines;
  }

  [Symbol.dispose](): void {
    this.cleanup();
  }
}

/** Is it below /proc/PID? */
function ofProcess(name: string): boolean {
  return /^\/proc\/\d/.test(name);
}

/** Also true for a symbolic link that leads nowhere. */
function exists(name: string): boolean {
  return lstatSync(pathBuffer(name), { throwIfNoEntry: false }) !== undefined;
}

/** The directory of a path, or the nearest one above that is there. */
function nearest(name: string): string {
  let dir = path.posix.dirname(name);
  while (!exists(dir)) dir = path.posix.dirname(dir);
  return dir;
}
