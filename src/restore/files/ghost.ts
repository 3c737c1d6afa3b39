import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import type { ImageReader } from '../../decode/image-reader.js';
import type { ImageDir } from '../../encode/image-dir.js';
import { isTerminalMajor } from '../../image/terminals.js';
import { imageFileName } from '../../image/catalogue.js';
import { CritError } from '../../image/errors.js';
import type { GhostChunkEntry, GhostFileEntry } from '../../image/generated/messages.js';
import { systemWords } from '../../image/system-words.js';
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_PATH,
  O_RDWR,
} from '../../kernel/uapi/open-flags.js';
import {
  devMajor,
  S_IALLUGO,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from '../../kernel/uapi/stat.js';
import type { Batch, Ref } from '../../task/batch.js';
import type { Purpose } from './check-file.js';
import { pathBytes } from '../../image/path-bytes.js';
import { openNoWait } from '../../task/open-no-wait.js';

/** What fits a number; file systems end before. */
const LARGEST_BYTES = BigInt(Number.MAX_SAFE_INTEGER);
const MEM_MAJOR = 1;

/** A file that had no name (ghost-file-ID.img). It is made empty, opened, and only then gets content, owner and mode. */
export class Ghost {
  readonly image: string;
  readonly #open: () => ImageReader<'GHOST_FILE'>;
  readonly entry: GhostFileEntry;
  readonly #type: number;

  constructor(dir: ImageDir, id: number) {
    this.image = imageFileName('GHOST_FILE', id);
    this.#open = () => dir.reader('GHOST_FILE', id);
    using reader = this.#open();
    const first = reader[Symbol.iterator]().next();
    if (first.done) throw this.#bad('there is no entry');
    this.entry = first.value.message as unknown as GhostFileEntry;
    this.#type = this.entry.mode & S_IFMT;
    if (this.entry.chunks && this.entry.size === undefined)
      throw this.#bad('entries[0]: a file in chunks without a size');
    if ((this.entry.size ?? 0n) > LARGEST_BYTES)
      throw this.#bad(`entries[0].size: ${this.entry.size ?? ''} bytes are more than any file can have`);
    if (![S_IFREG, S_IFDIR, S_IFIFO, S_IFCHR, S_IFBLK, S_IFLNK].includes(this.#type))
      throw this.#bad(`entries[0].mode: 0${this.entry.mode.toString(8)} is no type of file`);
  }

  #bad(what: string): CritError {
    return new CritError(`${this.image}: ${what}`, { code: 'BAD_IMAGE' });
  }

  get isDirectory(): boolean {
    return this.#type === S_IFDIR;
  }

  /** Whether it can be opened for a purpose without waiting, and without waking a device. */
  suits(purpose: Purpose): boolean {
    const memory = this.#type === S_IFCHR && devMajor(this.entry.rdev ?? 0) === MEM_MAJOR;
    switch (purpose) {
      case 'handle':
        return true;
      case 'fifo':
        return this.#type === S_IFIFO;
      case 'directory':
        return this.isDirectory;
      case 'terminal':
        return this.#type === S_IFCHR && isTerminalMajor(devMajor(this.entry.rdev ?? 0));
      case 'mapping':
        return this.#type === S_IFREG || memory;
      case 'descriptor':
        return this.#type === S_IFREG || this.isDirectory || memory;
    }
  }

  /** Adds the operations that make it, empty and root's. */
  make(b: Batch, dir: Ref, base: Uint8Array): { made: Ref; fd: Ref } {
    if (this.#type === S_IFREG) {
      const fd = b.call('openat', dir, base, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600);
      return { made: fd, fd };
    }
    let made: Ref;
    if (this.#type === S_IFDIR) made = b.call('mkdirat', dir, base, 0o700);
    else if (this.#type === S_IFLNK) made = b.call('symlinkat', pathBytes(this.entry.symlnk_target ?? ''), dir, base);
    else made = b.call('mknodat', dir, base, this.#type | 0o600, this.entry.rdev ?? 0);
    const flags = O_PATH | O_NOFOLLOW | (this.isDirectory ? O_DIRECTORY : 0);
    return { made, fd: openNoWait(b, dir, base, flags) };
  }

  /** Gives it its content; nobody can reach it any more but the tree. @param file its path in /proc */
  fill(file: string): void {
    if (this.#type !== S_IFREG) return;
    const fd = openSync(file, 'r+');
    try {
      this.#write(fd);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (error instanceof CritError || code === undefined) throw error;
      throw new CritError(`${this.image}: the deleted file cannot be made again: ${systemWords(code)}`, {
        code: 'GHOST_FILE',
        cause: error,
      });
    } finally {
      closeSync(fd);
    }
  }

  #write(fd: number): void {
    using reader = this.#open();
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

  /** Adds the operations that give it owner, mode and times, and close the descriptor. */
  settle(b: Batch, fd: Ref): void {
    const { uid, gid, mode, atim, mtim } = this.entry;
    using _doing = b.doing(`${this.image}: setting owner, mode and times`);
    b.call('fchownat', fd, '', uid, gid, AT_EMPTY_PATH);
    const file = `/proc/self/fd/${fd.value}`;
    const link = this.#type === S_IFLNK;
    if (!link) b.call('fchmodat', AT_FDCWD, file, mode & S_IALLUGO);
    if (atim && mtim) {
      const words = [atim, mtim].flatMap(({ tv_sec, tv_usec }) => [tv_sec, tv_usec * 1000n]);
      const times = new Uint8Array(BigInt64Array.from(words).buffer);
      if (link) b.tryCall('utimensat', fd, '', times, AT_EMPTY_PATH);
      else b.call('utimensat', AT_FDCWD, file, times, 0);
    }
    b.call('close', fd);
  }
}

function writeAll(fd: number, bytes: Uint8Array, at: number): void {
  for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done, bytes.length - done, at + done);
}
