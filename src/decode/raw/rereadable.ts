import { fstatSync, statSync } from 'node:fs';
import { openByteSource, type ByteSource } from '../../image/byte-source.js';

const CHUNK_BYTES = 256 * 1024;

/** Bytes that can be read twice, from the start each time. */
export interface Rereadable {
  /** Each piece is good until the next one is asked for. */
  chunks(): Iterable<Uint8Array>;
  /** How many bytes there are; of a pipe this is known, and asked for, once it was read. */
  sizeBytes(): number;
}

/** The bytes of a source; each piece is good until the next one is asked for. */
export function* chunksOf(source: ByteSource): Generator<Uint8Array> {
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

/** A pipe: what the first reader takes is kept for the second one. */
function pipe(source: ByteSource): Rereadable {
  const kept: Uint8Array[] = [];
  const rest = chunksOf(source);
  let first = true;
  let bytes = 0;
  function* record(): Generator<Uint8Array> {
    for (let next = rest.next(); !next.done; next = rest.next()) {
      kept.push(Uint8Array.from(next.value));
      bytes += next.value.length;
      yield next.value;
    }
  }
  return {
    *chunks() {
      if (first) {
        first = false;
        yield* record();
      } else {
        yield* kept;
        yield* rest;
      }
    },
    sizeBytes() {
      for (const rest = record(); !rest.next().done;);
      return bytes;
    },
  };
}

/**
 * Makes an open source one that can be read again: a file is opened once more, of a pipe is kept what was read.
 * @param given the path or descriptor that `source` was opened from
 */
export function rereadable(source: ByteSource, given: string | number): Rereadable {
  const path = pathOf(source, given);
  if (path === undefined) return pipe(source);
  return {
    sizeBytes: () => source.sizeBytes ?? statSync(path).size,
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
