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
} from '../../kernel/uapi/open-flags.js';
import { S_IALLUGO, S_IFIFO, S_IFMT } from '../../kernel/uapi/stat.js';
import { cString, sys, sysRaw } from '../../native/sys.js';
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
  describe: (file, files) => {
    noteData(file, files, 'PIPES_DATA');
    const { uid, gid, mode } = file.stat;
    const { flags } = file.info;
    return {
      pipe: { id: file.id, pipe_id: pipeId(file), flags, fown: file.owner, uid, gid, mode: mode & S_IALLUGO },
    };
  },
};

/** Pipes are known by their inode number, of which the images keep 32 bits. */
export function pipeId(file: Description): number {
  return Number(file.stat.ino & 0xffffffffn);
}

const noted = new WeakMap<Files, Map<string, Description[]>>();

/** Has what is in a pipe or FIFO written once, however many descriptions it has. */
export function noteData(file: Description, files: Files, type: 'PIPES_DATA' | 'FIFO_DATA'): void {
  let all = noted.get(files);
  if (!all) noted.set(files, (all = new Map<string, Description[]>()));
  const key = `${type}:${file.stat.dev}:${file.stat.ino}`;
  const ends = all.get(key);
  if (ends) {
    ends.push(file);
    return;
  }
  const mine = [file];
  all.set(key, mine);
  files.finally(() => {
    dumpData(mine, files, type);
  });
}

function dumpData(ends: readonly Description[], files: Files, type: 'PIPES_DATA' | 'FIFO_DATA'): void {
  const file = ends.find((end) => (end.info.flags & O_ACCMODE) !== O_WRONLY) ?? ends[0]!;
  let fd = files.take(file);
  try {
    const sizeBytes = sys('fcntl', fd, F_GETPIPE_SZ);
    const waiting = new Int32Array(1);
    sys('ioctl', fd, FIONREAD, waiting);
    const entry: PipeDataEntry = { pipe_id: pipeId(file), bytes: 0, size: sizeBytes };
    if (waiting[0] === 0) {
      // nothing in it and of the usual size: CRIU writes no record either when it only sees the write end
      files.put(type, { message: entry });
      return;
    }
    if ((file.info.flags & O_ACCMODE) === O_WRONLY) {
      // only write ends are left, and data that a later reader would find
      const reader = sysRaw('open', cString(`/proc/self/fd/${fd}`), O_NONBLOCK | O_CLOEXEC);
      if (reader < 0)
        throw unsupported(file, `a pipe whose ${waiting[0]} bytes cannot be read (${errnoWords(-reader)})`, '');
      sysRaw('close', fd);
      fd = reader;
    }
    const packets = ends.some((end) => end.info.flags & O_DIRECT);
    const pieces = peek(fd, sizeBytes, packets);
    const data = Buffer.concat(pieces);
    if (data.length !== waiting[0])
      throw new CritError(`${file.link}: ${waiting[0]} bytes are in it, ${data.length} could be copied`, {
        code: 'PIPE_DATA',
      });
    entry.bytes = data.length;
    if (packets) entry.packets = pieces.map((piece) => piece.length);
    files.put(type, { message: entry, extra: data });
  } finally {
    sysRaw('close', fd);
  }
}

/** A pipe of crit's that data is duplicated into. */
let copy: { read: number; write: number; sizeBytes: number } | undefined;

/** What is in a pipe, without taking it out (tee(2)): packets one by one, anything else in pieces of no meaning. */
function peek(fd: number, sizeBytes: number, packets: boolean): Buffer[] {
  if (!copy) {
    const ends = new Int32Array(2);
    sys('pipe2', ends, O_NONBLOCK | O_CLOEXEC);
    copy = { read: ends[0]!, write: ends[1]!, sizeBytes: DEFAULT_BYTES };
  }
  if (copy.sizeBytes < sizeBytes) copy.sizeBytes = sys('fcntl', copy.write, F_SETPIPE_SZ, sizeBytes);
  const n = sysRaw('tee', fd, copy.write, sizeBytes, SPLICE_F_NONBLOCK);
  if (n === -ERRNO.EAGAIN) return [];
  if (n < 0) throw new CritError(`the data of a pipe cannot be copied: ${errnoWords(-n)}`, { code: 'PIPE_DATA' });
  const pieces: Buffer[] = [];
  const buffer = Buffer.allocUnsafeSlow(packets ? DEFAULT_BYTES : Math.min(n, 1 << 20));
  for (let left = n; left > 0;) {
    const got = sys('read', copy.read, buffer, buffer.length);
    if (got === 0) break;
    pieces.push(Buffer.from(buffer.subarray(0, got)));
    left -= got;
  }
  return pieces;
}
