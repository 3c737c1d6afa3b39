import { quoteName } from '../image/quoted-printable.js';
import { KIND, SHOW, type FieldDef } from '../image/message-def.js';
import type { FlagMap } from '../image/display.js';
import { Base64Lines } from './base64-lines.js';
import { wide, type TextOut } from './text-out.js';
import type { WireReader } from './wire-reader.js';

const TRUE = Uint8Array.from(Buffer.from('true'));
const FALSE = Uint8Array.from(Buffer.from('false'));

const isSigned = (field: FieldDef): boolean => {
  switch (field.kind) {
    case KIND.int32:
    case KIND.int64:
    case KIND.sint32:
    case KIND.sint64:
    case KIND.sfixed32:
    case KIND.sfixed64:
    case KIND.enum:
      return true;
    default:
      return false;
  }
};

/** Names of set bits, then what is left of the number in hex. */
function flagText(value: bigint, map: FlagMap): string {
  const names: string[] = [];
  let left = value;
  for (const [name, bits] of map) if ((value & BigInt(bits)) !== 0n) names.push(name);
  for (const [, bits] of map) left &= ~BigInt(bits);
  if (left !== 0n) names.push(hexText(left));
  return names.join(' | ');
}

const hexText = (value: bigint): string => (value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`);

/** Device numbers: the kernel's 12:20 bits, or (`odev`) as glibc spreads them over 64 (sys/sysmacros.h). */
function deviceText(value: bigint, odev: boolean): string {
  if (!odev) return `${value >> 20n}:${value & 0xfffffn}`;
  const major = ((value >> 8n) & 0xfffn) | ((value >> 32n) & 0xfffff000n);
  const minor = (value & 0xffn) | ((value >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
}

/** Texts of flags already made: an image has few different ones. */
const flagTexts = new Map<FlagMap, Map<number, Uint8Array>>();

function printFlags(out: TextOut, lo: number, hi: number, signed: boolean, map: FlagMap): void {
  if (hi !== 0) {
    out.text(`"${flagText(wide(lo, hi, signed), map)}"`);
    return;
  }
  let texts = flagTexts.get(map);
  if (!texts) flagTexts.set(map, (texts = new Map<number, Uint8Array>()));
  let text = texts.get(lo);
  if (!text) {
    text = Uint8Array.from(Buffer.from(`"${flagText(BigInt(lo), map)}"`));
    if (texts.size < 4096) texts.set(lo, text);
  }
  out.bytes(text);
}

/** Prints the number in r.lo and r.hi. @param show as `crit show` has it @param hex a field around is marked as hex */
export function printNumber(out: TextOut, r: WireReader, field: FieldDef, show: boolean, hex: boolean): void {
  const { lo, hi } = r;
  switch (field.kind) {
    case KIND.bool:
      out.bytes(lo === 1 ? TRUE : FALSE);
      return;
    case KIND.enum: {
      const name = field.enumDef?.byNumber.get(lo | 0);
      if (name === undefined) out.decimal(lo, hi, true);
      else out.text(`"${name}"`);
      return;
    }
    default:
  }
  const signed = isSigned(field);
  if (!show) out.decimal(lo, hi, signed);
  else if (hex || field.hex) out.hex(lo, hi, signed);
  else if (field.show === SHOW.plain) out.decimal(lo, hi, signed);
  else if (field.show === SHOW.flags) {
    if (field.flagMap) printFlags(out, lo, hi, signed, field.flagMap);
    else out.hex(lo, hi, signed);
  } else if (field.show === SHOW.words) {
    const word = hi === 0 ? field.words?.get(lo) : undefined;
    if (word === undefined) out.decimal(lo, hi, signed);
    else out.text(`"${word}"`);
  } else out.text(`"${deviceText(wide(lo, hi, signed), field.show === SHOW.odev)}"`);
}

/** Prints the bytes of a string or bytes field. */
export function printBytes(out: TextOut, buf: Uint8Array, start: number, end: number, field: FieldDef): void {
  if (field.kind === KIND.string) out.string(buf, start, end);
  else if (field.quoted) out.string(Buffer.from(quoteName(buf.subarray(start, end)), 'latin1'));
  else {
    const lines = new Base64Lines(out);
    lines.push(buf, start, end);
    lines.end();
  }
}

/** An address as `show` has it: 4 bytes, or 16 with the longest run of zeros left out (RFC 5952). */
export function addressText(words: readonly number[]): string | undefined {
  const bytes = Buffer.from(Uint32Array.from(words).buffer);
  if (words.length === 1) return bytes.join('.');
  if (words.length !== 4) return undefined;
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i));
  let best = { start: 0, length: 1 };
  for (let i = 0; i < 8; i++) {
    let length = 0;
    while (i + length < 8 && groups[i + length] === 0) length++;
    if (length > best.length) best = { start: i, length };
  }
  const text = (list: readonly number[]): string => list.map((group) => group.toString(16)).join(':');
  if (best.length < 2) return text(groups);
  return `${text(groups.slice(0, best.start))}::${text(groups.slice(best.start + best.length))}`;
}
