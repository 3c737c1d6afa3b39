// Quoted-printable (RFC 2045, 6.7) as Python's quopri writes and reads it: crit's notation for the names of Unix sockets.

const LINE = 76;
const HEX = '0123456789ABCDEF';
const quoted = (byte: number): string => `=${HEX.charAt(byte >> 4)}${HEX.charAt(byte & 15)}`;

const NL = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const TAB = 0x09;
const DOT = 0x2e;
const EQUALS = 0x3d;

/**
 * @param text line ends stay line ends: what Python does. It writes all of them alike, so for mixed ones
 *   only `text = false`, which quotes them, brings the bytes back.
 */
function quote(bytes: Uint8Array, text: boolean): string {
  const firstNewline = bytes.indexOf(NL);
  const newline = firstNewline > 0 && bytes[firstNewline - 1] === CR ? '\r\n' : '\n';
  let out = '';
  let lineLength = 0;
  const softBreak = (): void => {
    out += `=${newline}`;
    lineLength = 0;
  };
  for (let i = 0; i < bytes.length;) {
    const byte = bytes[i] ?? 0;
    const last = i + 1 === bytes.length;
    const next = bytes[i + 1];
    const lonelyDot = byte === DOT && lineLength === 0 && (last || next === NL || next === CR || next === 0);
    const lineEnd = byte === CR || byte === NL;
    const blank = byte === SPACE || byte === TAB;
    if (
      byte > 126 ||
      byte === EQUALS ||
      lonelyDot ||
      (lineEnd && !text) ||
      (blank && last) ||
      (byte < 33 && !lineEnd && !blank)
    ) {
      if (lineLength + 3 >= LINE) softBreak();
      out += quoted(byte);
      lineLength += 3;
      i++;
    } else if (byte === NL || (byte === CR && next === NL)) {
      const before = out.charCodeAt(out.length - 1);
      // A blank at the end of a line would be lost on the way.
      if (out !== '' && (before === SPACE || before === TAB)) out = out.slice(0, -1) + quoted(before);
      out += newline;
      lineLength = 0;
      i += byte === CR ? 2 : 1;
    } else {
      if (!last && next !== NL && lineLength + 1 >= LINE) softBreak();
      out += String.fromCharCode(byte);
      lineLength++;
      i++;
    }
  }
  return out;
}

const hexValue = (code: number): number =>
  code >= 0x30 && code <= 0x39
    ? code - 0x30
    : (code | 0x20) >= 0x61 && (code | 0x20) <= 0x66
      ? (code | 0x20) - 0x57
      : -1;

/** The bytes that a text stands for. Lenient as Python: what is no escape stands for itself. */
export function unquote(text: Uint8Array): Uint8Array {
  const out = new Uint8Array(text.length);
  let length = 0;
  for (let i = 0; i < text.length;) {
    const byte = text[i] ?? 0;
    if (byte !== EQUALS) {
      out[length++] = byte;
      i++;
      continue;
    }
    i++;
    if (i >= text.length) break;
    const next = text[i] ?? 0;
    if (next === NL || next === CR) {
      while (i < text.length && text[i] !== NL) i++;
      i++;
    } else if (next === EQUALS) {
      out[length++] = EQUALS;
      i++;
    } else {
      const high = hexValue(next);
      const low = i + 1 < text.length ? hexValue(text[i + 1] ?? 0) : -1;
      if (high >= 0 && low >= 0) {
        out[length++] = high * 16 + low;
        i += 2;
      } else out[length++] = EQUALS;
    }
  }
  return out.subarray(0, length);
}

/** Quoted-printable text of a name: Python's where that tells the bytes exactly, else with its line ends quoted. */
export function quoteName(bytes: Uint8Array): string {
  const text = quote(bytes, true);
  if (!bytes.includes(CR)) return text;
  return Buffer.compare(unquote(Buffer.from(text, 'latin1')), bytes) === 0 ? text : quote(bytes, false);
}
