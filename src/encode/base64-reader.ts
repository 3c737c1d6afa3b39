import type { EncodePlace } from './encode-place.js';
import { Spool } from './spool.js';
import type { JsonReader } from './json-reader.js';

/** Values of base64's characters; 64: white space, 65: padding, 255: none. */
const VALUES = new Uint8Array(256).fill(255);
Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/').forEach(
  (byte, i) => (VALUES[byte] = i),
);
Buffer.from(' \n\r\t').forEach((byte) => (VALUES[byte] = 64));
Buffer.from('=').forEach((byte) => (VALUES[byte] = 65));

/** A line as decode prints it: 76 characters, then the escape of a line break, as a number of little endian bytes. */
const LINE_CHARACTERS = 76;
const LINE_BYTES = 57;
const LINE_BREAK = 0x6e5c;

/** The 12 bits of each two characters, the first in the low byte; -1: not base64. Made when the first line is read. */
let pairs: Int16Array | undefined;
function makePairs(): Int16Array {
  const made = new Int16Array(0x10000).fill(-1);
  for (let pair = 0; pair < made.length; pair++) {
    const first = VALUES[pair & 0xff] as number;
    const second = VALUES[pair >> 8] as number;
    if (first < 64 && second < 64) made[pair] = (first << 6) | second;
  }
  return made;
}

/** Converts whole lines, as many as `out` has room for. @returns how many there were */
function convertLines(text: Uint8Array, start: number, end: number, out: Uint8Array): number {
  const pair = (pairs ??= makePairs());
  const from = new DataView(text.buffer, text.byteOffset, text.length);
  const to = new DataView(out.buffer, out.byteOffset, out.length);
  let at = start;
  let put = 0;
  for (let lines = 0; ; lines++) {
    if (end - at < LINE_CHARACTERS + 2 || put + LINE_BYTES >= out.length) return lines;
    let found = 0;
    for (const stop = at + LINE_CHARACTERS; at < stop; at += 4) {
      const four = from.getInt32(at, true);
      const upper = pair[four & 0xffff] as number;
      const lower = pair[four >>> 16] as number;
      found |= upper | lower;
      // a fourth byte, which the next three overwrite
      to.setInt32(put, (upper << 20) | (lower << 8));
      put += 3;
    }
    if (found < 0 || from.getInt16(at, true) !== LINE_BREAK) return lines;
    at += 2;
  }
}

/** Takes a JSON string of base64 from the reader, piece by piece, into a spool. */
export function readBase64(reader: JsonReader, place: EncodePlace): Spool {
  const spool = new Spool();
  const out = new Uint8Array(256 * 1024);
  let bits = 0;
  let held = 0;
  let padding = 0;
  let first = true;
  const refuse = (): never => {
    spool.close();
    return place.fail('expected base64');
  };
  const take = (value: number): void => {
    if (value === 64) return;
    if (value === 65) {
      padding++;
      return;
    }
    if (value > 65 || padding > 0) refuse();
    bits = (bits << 6) | value;
    held++;
  };
  const convert = (piece: Uint8Array): void => {
    if (first && piece.length >= 5 && Buffer.from(piece.subarray(0, 5)).toString('latin1') === '... <') {
      spool.close();
      place.fail('the payload was left out (--nopl): decode the image without --nopl');
    }
    first = false;
    for (let from = 0; from < piece.length; from += out.length) {
      const to = Math.min(piece.length, from + out.length);
      let length = 0;
      for (let i = from; i < to; i++) {
        take(VALUES[piece[i] as number] as number);
        if (held === 4) {
          out[length++] = bits >> 16;
          out[length++] = (bits >> 8) & 0xff;
          out[length++] = bits & 0xff;
          bits = 0;
          held = 0;
        }
      }
      spool.push(out.subarray(0, length));
    }
  };
  const wholeLines = (text: Uint8Array, start: number, end: number): number => {
    if (held > 0 || padding > 0) return start;
    const lines = convertLines(text, start, end, out);
    if (lines === 0) return start;
    first = false;
    spool.push(out.subarray(0, LINE_BYTES * lines));
    return start + (LINE_CHARACTERS + 2) * lines;
  };
  reader.pieces(
    convert,
    (unit) => {
      convert(Uint8Array.of(unit < 128 ? unit : 0));
    },
    wholeLines,
  );
  if (held === 1 || padding !== (4 - held) % 4) refuse();
  if (held > 1) {
    bits <<= 6 * (4 - held);
    spool.push(Uint8Array.of(bits >> 16, (bits >> 8) & 0xff).subarray(0, held - 1));
  }
  return spool;
}
