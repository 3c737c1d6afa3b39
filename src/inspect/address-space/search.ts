import type { AddressSpace } from './address-space.js';

/** Bytes that are looked at together. */
const PIECE_BYTES = 4 << 20;
/** A match of a regular expression is found whole when it is no longer. */
const LONGEST_MATCH = 4096;

/** What was found. */
export interface MemoryMatch {
  readonly address: bigint;
  readonly bytes: Buffer;
  /** What stands before and behind it, as far as it was asked for and is there. */
  readonly before: Buffer;
  readonly after: Buffer;
}

export interface SearchOptions {
  readonly start?: bigint | undefined;
  readonly end?: bigint | undefined;
  /** Bytes of context on each side, 0 if not told, 4096 at most. */
  readonly contextBytes?: number;
}

/** Bytes in a row, in which matches may begin at [from, limit). */
interface Window {
  readonly address: bigint;
  readonly bytes: Buffer;
  readonly from: number;
  readonly limit: number;
}

/** The bytes of a part of memory in windows: each has `margin` bytes around where matches may begin, if memory has them. */
function* windows(space: AddressSpace, { start, end }: SearchOptions, margin: number): Generator<Window> {
  // the end of the last window, in which matches may begin when nothing follows it
  let tail = Buffer.alloc(0);
  let tailEnd = -1n;
  let owed = 0;
  const last = function* (): Generator<Window> {
    const { length } = tail;
    if (owed > 0) yield { address: tailEnd - BigInt(length), bytes: tail, from: length - owed, limit: length };
    owed = 0;
  };
  for (const piece of space.pieces(start, end, { sizeBytes: PIECE_BYTES, overlap: 2 * margin })) {
    if (piece.kind !== 'bytes') continue;
    const { bytes } = piece;
    const isNext = piece.start < tailEnd;
    if (!isNext) yield* last();
    const from = isNext ? tail.length - owed : 0;
    const limit = Math.max(from, bytes.length - margin);
    yield { address: piece.start, bytes, from, limit };
    owed = bytes.length - limit;
    tail = Buffer.from(bytes.subarray(Math.max(0, bytes.length - 2 * margin)));
    tailEnd = piece.end;
  }
  yield* last();
}

type Finder = (window: Window) => Generator<[at: number, length: number]>;

/** Node looks for up to so many bytes with memchr(3), six times as fast as for more. */
const FAST_BYTES = 6;

/** How often a byte stands in memory, by and large: zeros and 0xff most, then text. */
const commonness = (byte: number): number =>
  byte === 0 || byte === 0xff ? 3 : byte === 0x20 || (byte >= 0x61 && byte <= 0x7a) ? 2 : byte < 0x10 ? 1 : 0;

/** Where a pattern is searched for by the few bytes of it that begin with the rarest. */
function bytesFinder(pattern: Buffer): Finder {
  let skipped = 0;
  for (let i = 1; i + FAST_BYTES <= pattern.length; i++)
    if (commonness(pattern[i]!) < commonness(pattern[skipped]!)) skipped = i;
  const part = pattern.subarray(skipped, skipped + FAST_BYTES);
  return function* ({ bytes, from, limit }) {
    for (let at = bytes.indexOf(part, from + skipped); at >= 0; at = bytes.indexOf(part, at + 1)) {
      const start = at - skipped;
      if (start >= limit) return;
      if (bytes.compare(pattern, 0, pattern.length, start, Math.min(bytes.length, start + pattern.length)) === 0)
        yield [start, pattern.length];
    }
  };
}

/** The bytes that every match of an expression begins with; none if that cannot be told by a look at its begin. */
function literalPrefix(source: string, flags: string): string {
  if (flags.includes('i') || source.includes('|') || source.includes('(?<')) return '';
  const literal = /^[\w \-=:/@#%&,;<>~"']+/.exec(source)?.[0] ?? '';
  // the last character may be repeated, or left out
  return /^[*+?{]/.test(source.slice(literal.length)) ? literal.slice(0, -1) : literal;
}

/** The expression sees a byte as the character of that number; letters beyond ASCII in it are their UTF-8 bytes. */
function expressionFinder(expression: RegExp): Finder {
  const source = Buffer.from(expression.source, 'utf8').toString('latin1');
  const flags = expression.flags.replace(/[guvyd]/g, '');
  const prefix = literalPrefix(source, flags);
  if (prefix.length < 2) {
    const pattern = new RegExp(source, `${flags}g`);
    return function* ({ bytes, from, limit }) {
      const text = bytes.toString('latin1');
      pattern.lastIndex = from;
      for (let match = pattern.exec(text); match && match.index < limit; match = pattern.exec(text)) {
        if (match[0] === '') pattern.lastIndex++;
        else yield [match.index, match[0].length];
      }
    };
  }
  const find = bytesFinder(Buffer.from(prefix, 'latin1'));
  const pattern = new RegExp(source, `${flags}y`);
  return function* (window) {
    for (const [at] of find(window)) {
      pattern.lastIndex = 0;
      const match = pattern.exec(window.bytes.toString('latin1', at, at + LONGEST_MATCH));
      if (match) yield [at, match[0].length];
    }
  };
}

/**
 * Searches memory for bytes, or for a regular expression. Holes, which are zeros, are passed over.
 * @example
 * import { openAddressSpace, openCheckpoint, searchMemory } from 'crit-checkpoint';
 * using space = openAddressSpace(openCheckpoint('fixtures/sets/tree'), 812);
 * for (const { address } of searchMemory(space, /PATH=[^\0]+/)) console.log(address.toString(16));
 */
export function* searchMemory(
  space: AddressSpace,
  pattern: Uint8Array | RegExp,
  options: SearchOptions = {},
): Generator<MemoryMatch> {
  const context = Math.min(options.contextBytes ?? 0, LONGEST_MATCH);
  const isExpression = pattern instanceof RegExp;
  if (!isExpression && pattern.length === 0) return;
  const find = isExpression ? expressionFinder(pattern) : bytesFinder(Buffer.from(pattern));
  const margin = Math.max(context + (isExpression ? LONGEST_MATCH : pattern.length), 64);
  let free = 0n;
  for (const window of windows(space, options, margin)) {
    const { bytes } = window;
    for (const [at, length] of find(window)) {
      const address = window.address + BigInt(at);
      // a match that was longer than the margin goes on in the next window
      if (isExpression && address < free) continue;
      free = address + BigInt(length);
      yield {
        address,
        bytes: Buffer.from(bytes.subarray(at, at + length)),
        before: Buffer.from(bytes.subarray(Math.max(0, at - context), at)),
        after: Buffer.from(bytes.subarray(at + length, at + length + context)),
      };
    }
  }
}

export type StringEncoding = 'ascii' | 'utf8' | 'utf16le';

const CHARACTERS: Readonly<Record<StringEncoding, string>> = {
  ascii: '[\\t\\x20-\\x7e]',
  utf8: '(?:[\\t\\x20-\\x7e]|[\\xc2-\\xdf][\\x80-\\xbf]|[\\xe0-\\xef][\\x80-\\xbf]{2}|[\\xf0-\\xf4][\\x80-\\xbf]{3})',
  utf16le: '(?:[\\t\\x20-\\x7e]\\x00)',
};

/** Text in memory. One longer than some KiB may come in parts. */
export function* memoryStrings(
  space: AddressSpace,
  {
    encoding = 'utf8',
    minLength = 4,
    ...options
  }: SearchOptions & { readonly encoding?: StringEncoding; readonly minLength?: number } = {},
): Generator<{ readonly address: bigint; readonly text: string }> {
  const pattern = new RegExp(`${CHARACTERS[encoding]}{${minLength},}`);
  const node = encoding === 'ascii' ? 'latin1' : encoding;
  for (const { address, bytes } of searchMemory(space, pattern, options)) yield { address, text: bytes.toString(node) };
}
