import type { FlagMap, WordMap } from '../image/display.js';
import { KIND, SHOW, type FieldDef } from '../image/message-def.js';
import { unquote } from '../image/quoted-printable.js';
import { bytesOfString } from '../image/utf8.js';
import { signalNumber } from '../kernel/uapi/signal.js';
import { checkInteger } from './encode-message.js';
import { described, type EncodePlace } from './encode-place.js';

/** As Python's int(text, 0): decimal, 0x, 0o, 0b, with a sign. */
const INTEGER = /^([-+]?)(0x[0-9a-f]+|0o[0-7]+|0b[01]+|0|[1-9][0-9]*)$/i;

export function integerOfText(text: string): bigint | undefined {
  const match = INTEGER.exec(text.trim());
  if (!match || text.length > 100) return undefined;
  const value = BigInt(match[2] ?? '0');
  return match[1] === '-' ? -value : value;
}

/** Bits by name, for each map made once. */
const bitsByName = new Map<FlagMap, ReadonlyMap<string, bigint>>();

function flagsOfText(text: string, map: FlagMap, place: EncodePlace): bigint {
  if (text.trim() === '') return 0n;
  let names = bitsByName.get(map);
  if (!names) bitsByName.set(map, (names = new Map(map.map(([name, bits]) => [name, BigInt(bits)]))));
  let value = 0n;
  for (const part of text.split('|')) {
    const word = part.trim();
    const bits = names.get(word) ?? integerOfText(word);
    if (bits === undefined) place.fail(`expected flags, got ${described(text)}: there is no ${JSON.stringify(word)}`);
    // The one number that is below zero is the whole rest of a signed field.
    value |= bits;
  }
  return value;
}

function deviceOfText(text: string, odev: boolean, place: EncodePlace): bigint | undefined {
  const match = /^\s*(\d{1,20})\s*:\s*(\d{1,20})\s*$/.exec(text);
  if (!match) return undefined;
  const major = BigInt(match[1] ?? 0);
  const minor = BigInt(match[2] ?? 0);
  if (odev) {
    if (major > 0xffffffffn || minor > 0xffffffffn) place.fail(`no device has the number ${text.trim()}`);
    return ((major & 0xfffn) << 8n) | ((major & 0xfffff000n) << 32n) | (minor & 0xffn) | ((minor & 0xffffff00n) << 12n);
  }
  if (minor > 0xfffffn) place.fail(`${minor} is no minor device number, they end at 1048575`);
  return (major << 20n) | minor;
}

function wordOfText(text: string, words: WordMap): bigint | undefined {
  for (const [number, word] of words) if (word === text.trim()) return BigInt(number);
  return undefined;
}

function integerOfJson(field: FieldDef, value: string, place: EncodePlace): bigint {
  let found: bigint | undefined;
  if (field.kind === KIND.enum) {
    const number = field.enumDef?.byName.get(value.trim());
    found = number === undefined ? undefined : BigInt(number);
    if ((found ?? integerOfText(value)) === undefined)
      place.fail(
        `${field.enumDef?.name ?? 'the enum'} has no value ${described(value)}${oneOf(field.enumDef?.byName.keys())}`,
      );
  } else if (field.show === SHOW.dev || field.show === SHOW.odev)
    found = deviceOfText(value, field.show === SHOW.odev, place);
  else if (field.flagMap) found = flagsOfText(value, field.flagMap, place);
  else if (field.words) found = wordOfText(value, field.words);
  else if (isMask(field)) found = integerOfText(value) ?? signalsOfText(value);
  else if (MODES.has(field.name) && /^0[0-7]+$/.test(value.trim())) found = BigInt(`0o${value.trim().slice(1)}`);
  found ??= integerOfText(value);
  if (found !== undefined) return found;
  const or = field.words
    ? oneOf(field.words.values())
    : isMask(field)
      ? ': a number, or names of signals, as "SIGINT | SIGTERM"'
      : '';
  return place.fail(`expected an integer, got ${described(value)}${or}`);
}

/** ": one of A, B, C", as long as that is short. */
function oneOf(words: Iterable<string> | undefined): string {
  const all = [...(words ?? [])];
  return all.length > 0 && all.length <= 16 ? `: one of ${all.join(', ')}` : '';
}

/** Sets of signals: bit N-1 is signal N. */
const MASKS: ReadonlySet<string> = new Set(['blk_sigset', 'sigmask', 'mask']);
const isMask = (field: FieldDef): boolean => MASKS.has(field.name) && field.kindName.endsWith('64');
/** What people write in octal, with a 0 before it. */
const MODES: ReadonlySet<string> = new Set(['umask', 'mode']);

/** "SIGINT | SIGTERM", "SIGRTMIN+3"; undefined when one of them is no signal. */
function signalsOfText(text: string): bigint | undefined {
  let mask = 0n;
  for (const word of text.split('|')) {
    const number = signalNumber(word.trim());
    if (number === undefined || /^\s*\d/.test(word)) return undefined;
    mask |= 1n << BigInt(number - 1);
  }
  return mask;
}

/** Base64 with line breaks or without; nothing else than its alphabet. */
export function bytesOfBase64(text: string, place: EncodePlace): Uint8Array {
  if (text.startsWith('... <')) place.fail('the payload was left out (--nopl): decode the image without --nopl');
  const compact = /\s/.test(text) ? text.replace(/\s+/g, '') : text;
  const padding = compact.endsWith('==') ? 2 : compact.endsWith('=') ? 1 : 0;
  if (compact.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(compact))
    place.fail(`expected base64, got ${described(text)}`);
  const bytes = Buffer.from(compact, 'base64');
  if (bytes.length !== (compact.length / 4) * 3 - padding) place.fail(`expected base64, got ${described(text)}`);
  return bytes;
}

/** Turns a JSON value, in any notation that decode or show print or a person writes, into what encodeMessage takes. */
export function scalarFromJson(field: FieldDef, value: unknown, place: EncodePlace): unknown {
  switch (field.kind) {
    case KIND.string:
      if (typeof value !== 'string') place.fail(`expected a string, got ${described(value)}`);
      return value;
    case KIND.bytes:
      if (value instanceof Uint8Array) return value;
      if (typeof value !== 'string')
        place.fail(`expected ${field.quoted ? 'a name' : 'base64'}, got ${described(value)}`);
      if (!field.quoted) return bytesOfBase64(value, place);
      return unquote(bytesOfString(value) ?? place.fail('holds a lone surrogate that stands for no byte'));
    case KIND.bool:
      if (value === 0 || value === 1) return value === 1;
      if (typeof value !== 'boolean') place.fail(`expected true or false, got ${described(value)}`);
      return value;
    default:
      return checkInteger(field, typeof value === 'string' ? integerOfJson(field, value, place) : value, place);
  }
}
