import { writeSync } from 'node:fs';

/** Thrown when the reader of our output is gone; main() then leaves in silence. */
export class ReaderGone extends Error {}

const sleeper = new Int32Array(new SharedArrayBuffer(4));

/**
 * Writes all of it, synchronously. A pipe that another process made non-blocking answers EAGAIN: waited for.
 * @throws ReaderGone when the other end is closed
 */
export function writeAll(fd: number, data: string | Uint8Array): void {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  let at = 0;
  while (at < bytes.length) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EPIPE') throw new ReaderGone();
      if (code !== 'EAGAIN') throw error;
      Atomics.wait(sleeper, 0, 0, 2);
    }
  }
}

/** Prints to standard output. */
export function print(data: string | Uint8Array): void {
  writeAll(1, data);
}

/** Prints one line to standard error; a closed standard error is no reason to fail. */
export function warn(line: string): void {
  try {
    writeAll(2, `${line}\n`);
  } catch {
    // Nobody is listening.
  }
}
