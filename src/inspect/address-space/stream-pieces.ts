import type { BackingFile } from './backing-file.js';
import type { MemoryPiece, MemoryRun } from './memory-run.js';

/** A run, and what its bytes are read from where it is an image or a file. */
export interface BackedRun extends MemoryRun {
  readonly file?: BackingFile;
}

/** A hole up to this size becomes part of the bytes around it. */
const SMALL_HOLE = 16n << 10n;

/**
 * The bytes of runs that follow each other, in pieces. One buffer is all the memory that it takes.
 * @param overlap so many bytes of a piece stand at the begin of the next one too, if that follows it
 */
export function* streamPieces(runs: Iterable<BackedRun>, sizeBytes: number, overlap: number): Generator<MemoryPiece> {
  const buffer = Buffer.allocUnsafe(sizeBytes + overlap);
  let start = 0n;
  let filled = 0;
  let kept = 0;
  const flush = function* (): Generator<MemoryPiece> {
    if (filled > kept) yield { start, end: start + BigInt(filled), kind: 'bytes', bytes: buffer.subarray(0, filled) };
    kept = Math.min(filled, overlap);
    buffer.copyWithin(0, filled - kept, filled);
    start += BigInt(filled - kept);
    filled = kept;
  };
  const ended = function* (): Generator<MemoryPiece> {
    yield* flush();
    filled = kept = 0;
  };
  for (const run of runs) {
    const { source, file } = run;
    if (source.kind === 'none' || (source.kind === 'zero' && run.end - run.start > SMALL_HOLE)) {
      yield* ended();
      yield { start: run.start, end: run.end, ...source };
      continue;
    }
    const length = Number(run.end - run.start);
    for (let at = 0; at < length;) {
      if (filled === buffer.length) yield* flush();
      if (filled === 0) start = run.start + BigInt(at);
      const wanted = Math.min(length - at, buffer.length - filled);
      const got = source.kind === 'zero' ? 0 : file!.read(buffer, filled, wanted, source.offset + at);
      if (got < wanted && source.kind !== 'zero' && (source.kind === 'image' || file!.failure !== undefined)) {
        filled += got;
        yield* ended();
        const reason = file!.failure ?? `${source.file} ends before it`;
        yield { start: run.start + BigInt(at + got), end: run.end, kind: 'none', why: 'lost', reason };
        break;
      }
      // behind the end of a file its last page has zeros
      buffer.fill(0, filled + got, filled + wanted);
      filled += wanted;
      at += wanted;
    }
  }
  yield* flush();
}
