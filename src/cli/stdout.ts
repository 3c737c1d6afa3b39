import { writeSync } from 'node:fs';
import { CritError } from '../image/errors.js';
import { whyFailed } from '../image/system-words.js';

/** Thrown when the reader of our output is gone; main() then leaves in silence. */
export class ReaderGone extends Error {}

const sleeper = new Int32Array(new SharedArrayBuffer(4));

/**
 * Writes all of it, synchronously. A pipe that another process made non-blocking answers EAGAIN: waited for.
 * @param name what the descriptor is called in messages
 * @throws ReaderGone when the other end is closed
 * @throws CritError CANNOT_WRITE
 */
export function writeAll(fd: number, data: string | Uint8Array, name: string): void {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  let at = 0;
  while (at < bytes.length) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EPIPE') throw new ReaderGone();
      if (code !== 'EAGAIN')
        throw new CritError(`${name}: cannot be written: ${whyFailed(error)}`, { code: 'CANNOT_WRITE', cause: error });
      Atomics.wait(sleeper, 0, 0, 2);
    }
  }
}

/**
 * Whether standard output is closed (`>&-`): Node opens /dev/null in its place before anybody can look, so bin/crit looks
 * first.
 */
const CLOSED = process.env['CRIT_STDOUT'] === 'closed';
delete process.env['CRIT_STDOUT'];

/** Prints to standard output. @throws CritError CANNOT_WRITE when it is closed, or full */
export function print(data: string | Uint8Array): void {
  if (CLOSED) throw new CritError('standard output is closed', { code: 'CANNOT_WRITE' });
  writeAll(1, data, 'standard output');
}

/** Prints one line to standard error; a closed standard error is no reason to fail. */
export function warn(line: string): void {
  try {
    writeAll(2, `${line}\n`, 'standard error');
  } catch {
    // Nobody is listening.
  }
}
