import { FdTypes, type PipeDataEntry } from '../../image/generated/messages.js';
import { CritError } from '../../image/errors.js';
import { FIONREAD } from '../../kernel/uapi/ioctl.js';
import {
  F_GETPIPE_SZ,
  F_SETPIPE_SZ,
  O_ACCMODE,
  O_CLOEXEC,
  O_DIRECT,
  O_NONBLOCK,
  O_PATH,
  O_WRONLY,
  AT_FDCWD,
} from '../../kernel/uapi/open-flags.js';
import { S_IALLUGO, S_IFIFO, S_IFMT } from '../../kernel/uapi/stat.js';
import { cString, sys, sysRaw } from '../../native/sys.js';
import type { OutEntry } from '../image-sink.js';
import type { Description } from './description.js';
import type { FileKind } from './kind.js';
import type { Files } from './files.js';
import { unsupported } from './unsupported.js';
import { ERRNO, errnoWords } from '../../kernel/uapi/errno.js';

const SPLICE_F_NONBLOCK = 2;
const DEFAULT_BYTES = 65536;

/** pipe(2): the ends are descriptions, what is in it belongs to the inode. */
export const pipe: FileKind = {
  type: FdTypes.PIPE,
  matches: ({ link, stat, info }) =>
    (stat.mode & S_IFMT) === S_IFIFO && link.startsWith('pipe:[') && !(info.flags & O_PATH),
  make: (files) => {
    const contents = new PipeContents(files, 'PIPES_DATA');
    return (file) => {
      contents.add(file);
      const { uid, gid, mode } = file.stat;
      const { flags } = file.info;
      return {
        pipe: { id: file.id, pipe_id: pipeId(file), flags, fown: file.owner, uid, gid, mode: mode & S_IALLUGO },
      };
    };
  },
};

/** Pipes are known by their inode number, of which the images keep 32 bits. */
export function pipeId(file: Description): number {
  return Number(file.stat.ino & 0xffffffffn);
}

/** What is in the pipes or FIFOs of a dump: written once for each, however many descriptions it has. */
export class PipeContents {
  readonly #files: Files;
  readonly #type: 'PIPES_DATA' | 'FIFO_DATA';
  readonly #ends = new Map<string, Description[]>();

  constructor(files: Files, type: 'PIPES_DATA' | 'FIFO_DATA') {
    this.#files = files;
    this.#type = type;
  }

  add(file: Description): void {
    if (this.#ends.size === 0)
      this.#files.finally(() => {
        this.#write();
      });
    const key = `${file.stat.dev}:${file.stat.ino}`;
    const ends = this.#ends.get(key);
    if (ends) ends.push(file);
    else this.#ends.set(key, [file]);
  }

  #write(): void {
    using copy = new Copy();
    for (const ends of this.#ends.values()) this.#files.put(this.#type, contentOf(ends, this.#files, copy));
  }
}

function contentOf(ends: readonly Description[], files: Files, copy: Copy): OutEntry {
  const file = ends.find((end) => (end.info.flags & O_ACCMODE) !== O_WRONLY) ?? ends[0]!;
  let fd = files.take(file);
  try {
    const sizeBytes = sys('fcntl', fd, F_GETPIPE_SZ);
    const waiting = new Int32Array(1);
    sys('ioctl', fd, FIONREAD, waiting);
    const entry: PipeDataEntry = { pipe_id: pipeId(file), bytes: 0, size: sizeBytes };
    if (waiting[0] === 0) return { message: entry };
    if ((file.info.flags & O_ACCMODE) === O_WRONLY) {
      // only write ends are left, and data that a later reader would find
      const reader = sysRaw('openat', AT_FDCWD, cString(`/proc/self/fd/${fd}`), O_NONBLOCK | O_CLOEXEC);
      if (reader < 0)
        throw unsupported(file, `a pipe whose ${waiting[0]} bytes cannot be read (${errnoWords(-reader)})`, '');
      sysRaw('close', fd);
      fd = reader;
    }
    const packets = ends.some((end) => end.info.flags & O_DIRECT);
    const pieces = copy.of(fd, sizeBytes, packets);
    const data = Buffer.concat(pieces);
    if (data.length !== waiting[0])
      throw new CritError(`${file.link}: ${waiting[0]} bytes are in it, ${data.length} could be copied`, {
        code: 'PIPE_DATA',
      });
    entry.bytes = data.length;
    if (packets) entry.packets = pieces.map((piece) => piece.length);
    return { message: entry, extra: data };
  } finally {
    sysRaw('close', fd);
  }
}

/** A pipe of crit's that data is duplicated into. */
class Copy implements Disposable {
  #ends: { readonly read: number; readonly write: number } | undefined;
  #sizeBytes = DEFAULT_BYTES;

  /** What is in a pipe, without taking it out (tee(2)): packets one by one, anything else in pieces of no meaning. */
  of(fd: number, sizeBytes: number, packets: boolean): Buffer[] {
    const { read, write } = (this.#ends ??= newPipe());
    if (this.#sizeBytes < sizeBytes) this.#sizeBytes = sys('fcntl', write, F_SETPIPE_SZ, sizeBytes);
    const n = sysRaw('tee', fd, write, sizeBytes, SPLICE_F_NONBLOCK);
    if (n === -ERRNO.EAGAIN) return [];
    if (n < 0) throw new CritError(`the data of a pipe cannot be copied: ${errnoWords(-n)}`, { code: 'PIPE_DATA' });
    const pieces: Buffer[] = [];
    const buffer = Buffer.allocUnsafeSlow(packets ? DEFAULT_BYTES : Math.min(n, 1 << 20));
    for (let left = n; left > 0;) {
      const got = sys('read', read, buffer, buffer.length);
      if (got === 0) break;
      pieces.push(Buffer.from(buffer.subarray(0, got)));
      left -= got;
    }
    return pieces;
  }

  [Symbol.dispose](): void {
    if (!this.#ends) return;
    sysRaw('close', this.#ends.read);
    sysRaw('close', this.#ends.write);
  }
}

function newPipe(): { read: number; write: number } {
  const ends = new Int32Array(2);
  sys('pipe2', ends, O_NONBLOCK | O_CLOEXEC);
  return { read: ends[0]!, write: ends[1]! };
}
