import { randomUUID } from 'node:crypto';
import stringify from 'fast-json-stable-stringify';
import { badArgument } from '../image/bad-argument.js';

/**
 * JSON with sorted keys and no white space, for hashing and comparing: equal values have equal texts. Takes what JSON.stringify
 * does not: bigint is printed as the bare number, bytes as base64, 16-bit arrays as lists.
 * @throws CritError BAD_ARGUMENT
 * @example
 * import { canonicalJson, decodeImage } from 'crit-checkpoint';
 * console.assert(canonicalJson({ b: 1n, a: [2] }) === '{"a":[2],"b":1}');
 * const text = canonicalJson(decodeImage('fixtures/sets/tree/pstree.img'));
 */
export function canonicalJson(value: unknown): string {
  if (value === undefined || typeof value === 'function' || typeof value === 'symbol')
    throw badArgument('canonicalJson takes a value that JSON has', value);
  return stringify(printable(value)).replaceAll(BARE, '$1');
}

/** Marks the digits of a bigint inside the JSON; nobody can guess it, so no string of an image holds it. */
const MARK = randomUUID();
const BARE = new RegExp(`"${MARK}(-?[0-9]+)${MARK}"`, 'g');

function printable(value: unknown): unknown {
  if (typeof value === 'bigint') return `${MARK}${value}${MARK}`;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (value instanceof Uint16Array) return Array.from(value);
  if (Array.isArray(value)) return value.map(printable);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, printable(item)]));
}
