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
  reader.pieces(convert, (unit) => {
    convert(Uint8Array.of(unit < 128 ? unit : 0));
  });
  if (held === 1 || padding !== (4 - held) % 4) refuse();
  if (held > 1) {
    bits <<= 6 * (4 - held);
    spool.push(Uint8Array.of(bits >> 16, (bits >> 8) & 0xff).subarray(0, held - 1));
  }
  return spool;
}
