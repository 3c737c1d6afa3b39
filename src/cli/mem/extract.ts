import { closeSync, ftruncateSync, mkdirSync, openSync, writeSync } from 'node:fs';
import path from 'node:path';
import { CritError } from '../../image/errors.js';
import { whyFailed } from '../../image/system-words.js';
import { value } from '../command.js';
import { oneLine } from '../safe-text.js';
import { openSink } from '../sink.js';
import { UsageError } from '../usage-error.js';
import { hexAddress, rangesOf, type MemVerb } from './words.js';

/** Writes at a place of a file. @throws CritError CANNOT_WRITE */
function writeAt(fd: number, bytes: Buffer, position: number): void {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at, bytes.length - at, position + at);
}

/**
 * `crit mem SRC PID extract [PLACE] -o DIR`: a file for each mapping, named after its addresses. Holes stay holes; what is not
 * in the images is a hole too, and told.
 */
export const memExtract: MemVerb = (space, words, args) => {
  const out = value(args, 'out');
  if (out === undefined) throw new UsageError('mem: extract writes files: name a directory by -o DIR');
  const ranges = rangesOf(space, words);
  const sink = openSink(undefined);
  try {
    mkdirSync(out, { recursive: true, mode: 0o700 });
    for (const mapping of space.mappings) {
      for (const range of ranges) {
        const start = range.start > mapping.start ? range.start : mapping.start;
        const end = range.end < mapping.end ? range.end : mapping.end;
        if (start >= end) continue;
        const file = path.join(out, `${hexAddress(start)}-${hexAddress(end)}.bin`);
        let fd = -1;
        let there = 0n;
        let missing = '';
        try {
          for (const piece of space.pieces(start, end)) {
            if (piece.kind === 'none') missing ||= piece.reason;
            else there += piece.end - piece.start;
            if (piece.kind !== 'bytes') continue;
            if (fd < 0) fd = openSync(file, 'w', 0o600);
            writeAt(fd, piece.bytes, Number(piece.start - start));
          }
          if (fd >= 0) ftruncateSync(fd, Number(end - start));
        } finally {
          if (fd >= 0) closeSync(fd);
        }
        const what = [mapping.prot, `${there >> 10n} of ${(end - start) >> 10n} KiB`, mapping.name].join(' ').trimEnd();
        const name = fd < 0 ? '(no file: no byte that is not zero)' : path.basename(file);
        sink.write(oneLine(`${name} ${what}${missing === '' ? '' : `; missing: ${missing}`}`) + '\n');
      }
    }
  } catch (error) {
    if (error instanceof CritError) throw error;
    throw new CritError(`${out}: cannot be written: ${whyFailed(error)}`, { code: 'CANNOT_WRITE', cause: error });
  }
  sink.commit();
  return Promise.resolve(0);
};
