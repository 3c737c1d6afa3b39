import { fstatSync, statSync } from 'node:fs';
import { openByteSource, type ByteSource } from '../../image/byte-source.js';

const CHUNK_BYTES = 256 * 1024;

/** Bytes that can be read more than once, from the start each time. */
export interface Rereadable {
  readonly sizeBytes: number;
  /** Each piece is good until the next one is asked for. */
  chunks(): Iterable<Uint8Array>;
}

function* chunksOf(source: ByteSource): Generator<Uint8Array> {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  for (;;) {
    const n = source.read(buffer, 0, CHUNK_BYTES);
    if (n === 0) return;
    yield buffer.subarray(0, n);
  }
}

/** The path under which what a source reads can be opened anew; undefined for a pipe. */
function pathOf(source: ByteSource, given: string | number): string | undefined {
  if (typeof given === 'string') return source.sizeBytes === undefined ? undefined : given;
  return process.platform === 'linux' && fstatSync(given).isFile() ? `/proc/self/fd/${given}` : undefined;
}

/**
 * Makes an open source one that can be read again: a file is opened once more, a pipe is kept in memory.
 * @param given the path or descriptor that `source` was opened from
 */
export function rereadable(source: ByteSource, given: string | number): Rereadable {
  const path = pathOf(source, given);
  if (path === undefined) {
    const parts = Array.from(chunksOf(source), (part) => Uint8Array.from(part));
    return { sizeBytes: parts.reduce((sum, part) => sum + part.length, 0), chunks: () => parts };
  }
  return {
    sizeBytes: source.sizeBytes ?? statSync(path).size,
    *chunks() {
      const again = openByteSource(path);
      try {
        yield* chunksOf(again);
      } finally {
        again.close();
      }
    },
  };
}
