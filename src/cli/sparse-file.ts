import { closeSync, fstatSync, ftruncateSync, openSync, renameSync, unlinkSync, writeSync } from 'node:fs';
import path from 'node:path';
import { CritError } from '../image/errors.js';
import { whyFailed } from '../image/system-words.js';

/**
 * Writes a file whose bytes come by place; what nobody writes is a hole. It is beside its place until it is whole (mode 0600);
 * a device or FIFO has no places and is refused.
 * @throws CritError CANNOT_WRITE
 */
export function writeSparse(
  file: string,
  sizeBytes: number,
  chunks: Iterable<{ readonly offset: number; readonly bytes: Uint8Array }>,
): void {
  const random = Math.random().toString(36).slice(2, 8);
  const temporary = path.join(path.dirname(file), `.${path.basename(file)}.${process.pid}${random}`);
  let fd = -1;
  try {
    fd = openSync(temporary, 'wx', 0o600);
    for (const { offset, bytes } of chunks)
      for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at, bytes.length - at, offset + at);
    if (fstatSync(fd).size < sizeBytes) ftruncateSync(fd, sizeBytes);
    renameSync(temporary, file);
  } catch (error) {
    if (fd >= 0) unlinkSync(temporary);
    if (error instanceof CritError) throw error;
    throw new CritError(`${file}: cannot be written: ${whyFailed(error)}`, { code: 'CANNOT_WRITE', cause: error });
  } finally {
    if (fd >= 0) closeSync(fd);
  }
}
