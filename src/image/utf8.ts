// Strings of images are bytes that ought to be UTF-8. Each byte that is not becomes the lone surrogate U+DC00 + byte, as
// Python's "surrogateescape" has it: no sound text has those, so the way back is exact.

/**
 * Length of the UTF-8 sequence at `at` (1 to 4), 0 when there is none: overlong forms, surrogates and numbers beyond
 * U+10FFFF are none.
 */
export function sequenceLength(bytes: Uint8Array, at: number, end: number): 0 | 1 | 2 | 3 | 4 {
  const a = bytes[at] ?? 0;
  if (a < 0x80) return 1;
  if (a < 0xc2 || a > 0xf4) return 0;
  const b = at + 1 < end ? (bytes[at + 1] ?? 0) : 0;
  if ((b & 0xc0) !== 0x80) return 0;
  if (a < 0xe0) return 2;
  if ((a === 0xe0 && b < 0xa0) || (a === 0xed && b > 0x9f) || (a === 0xf0 && b < 0x90) || (a === 0xf4 && b > 0x8f))
    return 0;
  const c = at + 2 < end ? (bytes[at + 2] ?? 0) : 0;
  if ((c & 0xc0) !== 0x80) return 0;
  if (a < 0xf0) return 3;
  const d = at + 3 < end ? (bytes[at + 3] ?? 0) : 0;
  return (d & 0xc0) === 0x80 ? 4 : 0;
}

/** A string of an image; every byte survives. */
export function stringOfBytes(bytes: Uint8Array, start = 0, end = bytes.length): string {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let ascii = true;
  for (let i = start; ascii && i < end; i++) ascii = (bytes[i] ?? 0) < 0x80;
  if (ascii) return buffer.toString('latin1', start, end);
  let text = '';
  let sound = start;
  for (let i = start; i < end;) {
    const length = sequenceLength(bytes, i, end);
    if (length > 0) {
      i += length;
      continue;
    }
    text += buffer.toString('utf8', sound, i) + String.fromCharCode(0xdc00 + (bytes[i] ?? 0));
    sound = ++i;
  }
  return text + buffer.toString('utf8', sound, end);
}

/** The bytes of a string; undefined when it holds a surrogate that stands for no byte. */
export function bytesOfString(text: string): Uint8Array | undefined {
  if (!/\p{Surrogate}/u.test(text)) return Buffer.from(text, 'utf8');
  const parts: Uint8Array[] = [];
  let sound = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0xd800 || unit > 0xdfff) continue;
    if (unit < 0xdc00) {
      const next = text.charCodeAt(i + 1);
      if (next < 0xdc00 || next > 0xdfff || Number.isNaN(next)) return undefined;
      i++;
      continue;
    }
    if (unit < 0xdc80 || unit > 0xdcff) return undefined;
    parts.push(Buffer.from(text.slice(sound, i), 'utf8'), Uint8Array.of(unit - 0xdc00));
    sound = i + 1;
  }
  parts.push(Buffer.from(text.slice(sound), 'utf8'));
  return Buffer.concat(parts);
}
