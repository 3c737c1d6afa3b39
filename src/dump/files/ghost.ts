import { closeSync, openSync, readSync } from 'node:fs';
import { CritError } from '../../image/errors.js';
import type { GhostFileEntry } from '../../image/generated/messages.js';
import { S_IFBLK, S_IFCHR, S_IFLNK, S_IFMT, S_IFREG } from '../../kernel/uapi/stat.js';
import { SEEK_DATA, SEEK_HOLE } from '../../kernel/uapi/open-flags.js';
import { stringOfBytes } from '../../image/utf8.js';
import { ERRNO } from '../../kernel/uapi/errno.js';
import { cString, sysRaw, SysError } from '../../native/sys.js';
import type { DumpContext } from '../context.js';
import type { OutEntry } from '../image-sink.js';
import { kernelDevOf, type FileStat } from './file-stat.js';
import type { OpenFile } from './open-file.js';

/** Smaller files are stored in one piece, as CRIU does. */
const CHUNKED_FROM_BYTES = 3 * 4096;
const PIECE_BYTES = 1 << 20;

interface Ghost {
  id: number;
  stat: FileStat;
  fd: number;
}

/** Files without a name: their content goes into ghost-file-ID.img, holes stay holes. */
export class Ghosts implements Disposable {
  readonly #ctx: DumpContext;
  readonly #ghosts = new Map<string, Ghost>();

  constructor(ctx: DumpContext) {
    this.#ctx = ctx;
  }

  /** Notes a file to be copied. @throws CritError GHOST_LIMIT */
  add(file: OpenFile): number {
    const { stat } = file;
    const key = `${stat.dev}:${stat.ino}`;
    const known = this.#ghosts.get(key);
    if (known) return known.id;
    const bytes = stat.blocks * 512n;
    const limit = this.#ctx.options.ghostLimitBytes;
    if (bytes > BigInt(limit))
      throw new CritError(
        `${file.where} (${file.link}): the deleted file takes ${bytes} bytes, more than the ${limit} that are copied: raise --ghost-limit`,
        { code: 'GHOST_LIMIT' },
      );
    const ghost = { id: this.#ghosts.size + 1, stat, fd: file.open() };
    this.#ghosts.set(key, ghost);
    return ghost.id;
  }

  /** Writes the images. Called while the tree stands: the files may change as soon as it runs. */
  write(): void {
    for (const ghost of this.#ghosts.values()) this.#ctx.images.write('GHOST_FILE', ghost.id, entriesOf(ghost));
  }

  [Symbol.dispose](): void {
    for (const ghost of this.#ghosts.values()) closeSync(ghost.fd);
    this.#ghosts.clear();
  }
}

/** The entries of a ghost's image, made one by one as they are written. */
function* entriesOf({ stat, fd }: Ghost): Generator<OutEntry> {
  const type = stat.mode & S_IFMT;
  const entry: GhostFileEntry = {
    uid: stat.uid,
    gid: stat.gid,
    mode: stat.mode,
    dev: kernelDevOf(stat),
    ino: stat.ino,
    atim: { tv_sec: stat.atime.sec, tv_usec: stat.atime.nsec / 1000n },
    mtim: { tv_sec: stat.mtime.sec, tv_usec: stat.mtime.nsec / 1000n },
  };
  if (type === S_IFCHR || type === S_IFBLK) entry.rdev = Number(stat.rdev & 0xffffffffn);
  if (type === S_IFLNK) entry.symlnk_target = linkTarget(fd);
  if (type !== S_IFREG) {
    yield { message: entry };
    return;
  }
  // the task's own descriptor may be for writing only
  const own = openSync(`/proc/self/fd/${fd}`, 'r');
  try {
    if (stat.sizeBytes < BigInt(CHUNKED_FROM_BYTES)) {
      yield { message: entry, extra: readPiece(own, 0, Number(stat.sizeBytes)) };
      return;
    }
    entry.chunks = true;
    entry.size = stat.sizeBytes;
    yield { message: entry };
    for (const { start, end } of dataRanges(own, Number(stat.sizeBytes)))
      for (let at = start; at < end; at += PIECE_BYTES) {
        const piece = readPiece(own, at, Math.min(PIECE_BYTES, end - at));
        if (piece.length === 0) break;
        yield { message: { len: BigInt(piece.length), off: BigInt(at) }, extra: piece };
      }
  } finally {
    closeSync(own);
  }
}

function linkTarget(fd: number): string {
  const buffer = Buffer.alloc(4096);
  const n = sysRaw('readlinkat', fd, cString(''), buffer, buffer.length);
  if (n < 0) throw new SysError('readlinkat', -n, 'of a deleted symbolic link');
  return stringOfBytes(buffer, 0, n);
}

/** Where a file has data (lseek(2), SEEK_DATA). */
function* dataRanges(fd: number, sizeBytes: number): Generator<{ start: number; end: number }> {
  for (let at = 0; at < sizeBytes;) {
    let start = sysRaw('lseek', fd, at, SEEK_DATA);
    if (start === -ERRNO.ENXIO) return;
    let end = start < 0 ? -1 : sysRaw('lseek', fd, start, SEEK_HOLE);
    if (end < 0) {
      // a file system that does not tell
      start = at;
      end = sizeBytes;
    }
    yield { start, end: Math.min(end, sizeBytes) };
    at = end;
  }
}

function readPiece(fd: number, at: number, length: number): Buffer {
  const buffer = Buffer.alloc(length);
  let used = 0;
  while (used < length) {
    const n = readSync(fd, buffer, used, length - used, at + used);
    if (n === 0) break;
    used += n;
  }
  return buffer.subarray(0, used);
}
