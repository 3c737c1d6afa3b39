import { oneLine } from '../safe-text.js';
import { openSink } from '../sink.js';
import { UsageError } from '../usage-error.js';
import { hexAddress, rangesOf, type MemVerb } from './words.js';

const LINE = 16;
const USUAL = 256n;

const printable = (byte: number): string => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.');

/** One line as `hexdump -C` has it. */
function hexLine(address: bigint, bytes: Uint8Array): string {
  let hex = '';
  for (let i = 0; i < LINE; i++) {
    hex += i % 8 === 0 ? '  ' : ' ';
    hex += i < bytes.length ? bytes[i]!.toString(16).padStart(2, '0') : '  ';
  }
  return `${hexAddress(address)}${hex}  |${Array.from(bytes, printable).join('')}|\n`;
}

/** `crit mem SRC PID hexdump PLACE [LENGTH]`: a line that is as the one before it is shown as `*`. */
export const memHexdump: MemVerb = (space, words) => {
  if (words.length === 0) throw new UsageError('mem: hexdump of what? name a place');
  const sink = openSink(undefined);
  for (const { start, end } of rangesOf(space, words, USUAL)) {
    let before: Buffer | undefined;
    let isRepeated = false;
    for (const piece of space.pieces(start, end, { sizeBytes: 1 << 16 })) {
      if (piece.kind !== 'bytes') {
        const what = piece.kind === 'zero' ? 'zeros' : `not in the images: ${piece.reason}`;
        sink.write(`${hexAddress(piece.start)}-${hexAddress(piece.end)}  ${oneLine(what)}\n`);
        before = undefined;
        continue;
      }
      for (let at = 0; at < piece.bytes.length; at += LINE) {
        const bytes = piece.bytes.subarray(at, at + LINE);
        if (before?.equals(bytes)) {
          if (!isRepeated) sink.write('*\n');
          isRepeated = true;
          continue;
        }
        sink.write(hexLine(piece.start + BigInt(at), bytes));
        before = Buffer.from(bytes);
        isRepeated = false;
      }
    }
    if (isRepeated) sink.write(`${hexAddress(end)}\n`);
  }
  sink.commit();
  return Promise.resolve(0);
};
