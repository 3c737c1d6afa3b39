import { CritError } from '../../image/errors.js';
import { value } from '../command.js';
import { openSink } from '../sink.js';
import { onTerminal } from '../table.js';
import { UsageError } from '../usage-error.js';
import { rangesOf, type MemVerb } from './words.js';

const ZEROS = Buffer.alloc(1 << 20);

/** `crit mem SRC PID read PLACE [LENGTH]`: the bytes as they are. */
export const memRead: MemVerb = async (space, words, args) => {
  if (words.length === 0) throw new UsageError('mem: read what? name a place; extract takes all memory');
  const ranges = rangesOf(space, words);
  const out = value(args, 'out');
  if (out === undefined && (await onTerminal()))
    throw new UsageError('mem: bytes of memory could drive the terminal: use hexdump, or -o FILE');
  const sink = openSink(out);
  try {
    for (const { start, end } of ranges)
      for (const piece of space.pieces(start, end)) {
        if (piece.kind === 'bytes') sink.write(piece.bytes);
        else if (piece.kind === 'none') {
          const at = `0x${piece.start.toString(16)}-0x${piece.end.toString(16)}`;
          throw new CritError(`${at}: not in the images: ${piece.reason}`, { code: 'NOT_IN_IMAGES' });
        } else
          for (let left = piece.end - piece.start; left > 0n; left -= BigInt(ZEROS.length))
            sink.write(left < ZEROS.length ? ZEROS.subarray(0, Number(left)) : ZEROS);
      }
  } catch (error) {
    sink.abort();
    throw error;
  }
  sink.commit();
  return 0;
};
