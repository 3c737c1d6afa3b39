import {
  chmodSync,
  closeSync,
  fchmodSync,
  fchownSync,
  ftruncateSync,
  futimesSync,
  lchownSync,
  lutimesSync,
  mkdirSync,
  openSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { imageFileName } from '../../image/catalogue.js';
import { CritError } from '../../image/errors.js';
import type { GhostChunkEntry, GhostFileEntry } from '../../image/generated/messages.js';
import { openImageReader } from '../../decode/image-reader.js';
import { AT_FDCWD, AT_SYMLINK_FOLLOW, O_RDWR, O_TMPFILE } from '../../kernel/open-flags.js';
import { S_IALLUGO, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG } from '../../kernel/stat.js';
import { cString, sysRaw, SysError } from '../../native/sys.js';
import { pathBuffer, pathBytes } from './path-bytes.js';
import { errnoWords } from '../../kernel/errno.js';

/** What fits a number; file systems end before. */
const LARGEST_BYTES = BigInt(Number.MAX_SAFE_INTEGER);

/** A file that had no name: it gets one for the moment in which it is opened. */
export class Ghost implements Disposable {
  readonly image: string;
  readonly #source: string;
  readonly entry: GhostFileEntry;
  /** crit's own descriptor of a regular ghost's content. */
  #fd = -1;
  /** Where a ghost of another type stands. */
  #path: string | undefined;

  constructor(dir: string, id: number) {
    this.image = imageFileName('GHOST_FILE', id);
    this.#source = path.join(dir, this.image);
    using reader = openImageReader(this.#source, { type: 'GHOST_FILE', strict: true });
    const first = reader[Symbol.iterator]().next();
    if (first.done) throw this.#bad('there is no entry');
    this.entry = first.value.message as unknown as GhostFileEntry;
    const type = this.entry.mode & S_IFMT;
    if (this.entry.chunks && this.entry.size === undefined)
      throw this.#bad('entries[0]: a file in chunks without a size');
    if ((this.entry.size ?? 0n) > LARGEST_BYTES)
      throw this.#bad(`entries[0].size: ${this.entry.size ?? ''} bytes are more than any file can have`);
    if (![S_IFREG, S_IFDIR, S_IFIFO, S_IFCHR, S_IFBLK, S_IFLNK].includes(type))
      throw this.#bad(`entries[0].mode: 0${this.entry.mode.toString(8)} is no type of file`);
  }

  #bad(what: string): CritError {
    return new CritError(`${this.image}: ${what}`, { code: 'BAD_IMAGE' });
  }

  get isDirectory(): boolean {
    return (this.entry.mode & S_IFMT) === S_IFDIR;
  }

  /** Makes a regular ghost's content, without a name, in the file system where it was. */
  prepare(dir: string): void {
    if ((this.entry.mode & S_IFMT) !== S_IFREG || this.#fd >= 0) return;
    const fd = sysRaw('openat', AT_FDCWD, pathBytes(dir), O_RDWR | O_TMPFILE, 0o600);
    if (fd < 0)
      throw new CritError(`${this.image}: no file can be made in ${dir} for it: ${errnoWords(-fd)}`, {
        code: 'GHOST_FILE',
      });
    try {
      this.#fill(fd);
      fchownSync(fd, this.entry.uid, this.entry.gid);
      fchmodSync(fd, this.entry.mode & S_IALLUGO);
      const times = this.#times();
      if (times) futimesSync(fd, ...times);
      // a program cannot be run while somebody has it open for writing
      this.#fd = openSync(`/proc/self/fd/${fd}`, 'r');
    } finally {
      closeSync(fd);
    }
  }

  #fill(fd: number): void {
    using reader = openImageReader(this.#source, { type: 'GHOST_FILE', strict: true });
    const size = this.entry.size ?? 0n;
    let i = 0;
    for (const { message, extra } of reader) {
      const bytes = extra ?? new Uint8Array(0);
      if (i === 0) writeAll(fd, bytes, 0);
      else {
        const chunk = message as unknown as GhostChunkEntry;
        if (chunk.off + chunk.len > size)
          throw this.#bad(`entries[${i}]: it lies behind the end of the file (${size})`);
        writeAll(fd, bytes, Number(chunk.off));
      }
      i++;
    }
    if (this.entry.chunks) ftruncateSync(fd, Number(size));
  }

  #times(): [number, number] | undefined {
    const { atim, mtim } = this.entry;
    if (!atim || !mtim) return undefined;
    const seconds = (t: { tv_sec: bigint; tv_usec: bigint }) => Number(t.tv_sec) + Number(t.tv_usec) / 1e6;
    return [seconds(atim), seconds(mtim)];
  }

  /** Gives the ghost a name; a directory has the one that it got first. @returns the name that it can be opened by */
  appear(name: string): string {
    const type = this.entry.mode & S_IFMT;
    if (type === S_IFREG) {
      link(`/proc/self/fd/${this.#fd}`, name, this.image);
      return name;
    }
    if (this.#path !== undefined) {
      if (type === S_IFDIR) return this.#path;
      link(this.#path, name, this.image);
      return name;
    }
    const target = pathBuffer(name);
    if (type === S_IFDIR) mkdirSync(target, 0o700);
    else if (type === S_IFLNK) symlinkSync(pathBuffer(this.entry.symlnk_target ?? ''), target);
    else {
      const r = sysRaw('mknodat', AT_FDCWD, pathBytes(name), this.entry.mode, this.entry.rdev ?? 0);
      if (r < 0) throw new SysError('mknodat', -r, name);
    }
    this.#path = name;
    lchownSync(target, this.entry.uid, this.entry.gid);
    if (type !== S_IFLNK) chmodSync(target, this.entry.mode & S_IALLUGO);
    const times = this.#times();
    if (times) lutimesSync(target, ...times);
    return name;
  }

  [Symbol.dispose](): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
  }
}

/** linkat(2) of what a path, or a descriptor of crit's, leads to. */
export function link(from: string, to: string, what: string): void {
  const source = from.startsWith('/proc/self/fd/') ? cString(from) : pathBytes(from);
  const flags = from.startsWith('/proc/self/fd/') ? AT_SYMLINK_FOLLOW : 0;
  const r = sysRaw('linkat', AT_FDCWD, source, AT_FDCWD, pathBytes(to), flags);
  if (r < 0) throw new SysError('linkat', -r, `${what}: ${from} as ${to}`);
}

function writeAll(fd: number, bytes: Uint8Array, at: number): void {
  for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done, bytes.length - done, at + done);
}
