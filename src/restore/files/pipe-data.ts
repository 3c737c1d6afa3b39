import { closeSync } from 'node:fs';
import { imageFileName } from '../../image/catalogue.js';
import { CritError } from '../../image/errors.js';
import type { PipeDataEntry } from '../../image/generated/messages.js';
import type { ImageDir } from '../../encode/image-dir.js';
import {
  F_GETPIPE_SZ,
  F_SETFL,
  F_SETPIPE_SZ,
  O_CLOEXEC,
  O_DIRECT,
  O_NONBLOCK,
  O_RDWR,
  AT_FDCWD,
} from '../../kernel/uapi/open-flags.js';
import { cString, sys, sysRaw, SysError } from '../../native/sys.js';
import { errnoWords } from '../../kernel/uapi/errno.js';

/** What was in a pipe. */
export interface PipeContent {
  entry: PipeDataEntry;
  data: Uint8Array;
}

/** The contents of pipes or FIFOs, by pipe_id. */
export function readPipeContents(dir: ImageDir, type: 'PIPES_DATA' | 'FIFO_DATA'): Map<number, PipeContent> {
  const found = new Map<number, PipeContent>();
  dir.readIfPresent(type)?.entries.forEach(({ message: entry, extra }, i) => {
    const data = extra ?? new Uint8Array(0);
    const packets = entry.packets?.reduce((sum, n) => sum + n, 0);
    if (packets !== undefined && packets !== data.length)
      throw new CritError(`${imageFileName(type)}: entries[${i}].packets: their sizes are not that of the data`, {
        code: 'BAD_IMAGE',
      });
    found.set(entry.pipe_id, { entry, data });
  });
  return found;
}

/** Gives a pipe its size and content. @param path of any of its ends, in /proc */
export function fillPipe(path: string, { entry, data }: PipeContent): void {
  // an end of our own: flags of the tree's ends stay as they are, and a pipe without readers takes the data too
  const fd = sysRaw('openat', AT_FDCWD, cString(path), O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) throw new SysError('open', -fd, `of pipe ${entry.pipe_id}`);
  try {
    if (entry.size && sysRaw('fcntl', fd, F_GETPIPE_SZ) !== entry.size) {
      const r = sysRaw('fcntl', fd, F_SETPIPE_SZ, entry.size);
      if (r < 0)
        throw new CritError(
          `pipe ${entry.pipe_id} cannot get its size of ${entry.size} bytes (${errnoWords(-r)}): see /proc/sys/fs/pipe-max-size`,
          { code: 'PIPE_SIZE' },
        );
    }
    if (entry.packets) sys('fcntl', fd, F_SETFL, O_DIRECT | O_NONBLOCK);
    let at = 0;
    for (const size of entry.packets ?? [data.length])
      for (const end = at + size; at < end;) {
        const n = sysRaw('write', fd, data.subarray(at, end), end - at);
        if (n <= 0)
          throw new CritError(`pipe ${entry.pipe_id} takes ${at} of ${data.length} bytes: ${errnoWords(-n)}`, {
            code: 'PIPE_DATA',
          });
        at += n;
      }
  } finally {
    closeSync(fd);
  }
}
