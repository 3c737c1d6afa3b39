import { findPlace } from '../../inspect/address-space/place.js';
import type { AddressSpace } from '../../inspect/address-space/address-space.js';
import type { MemoryRange } from '../../inspect/address-space/environment.js';
import { flag, value, type ParsedArguments } from '../command.js';
import { UsageError } from '../usage-error.js';

/** One thing that `crit mem` does. @returns the exit status */
export type MemVerb = (space: AddressSpace, words: readonly string[], args: ParsedArguments) => Promise<number>;

/** A process by the number that it has in its images. */
export function pidOf(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`${JSON.stringify(text)} is no process id`);
  return Number(text);
}

/** Where mapped files are looked up, as --sysroot and --no-files say. */
export const rootOf = (args: ParsedArguments): string | null =>
  flag(args, 'no-files') ? null : (value(args, 'sysroot') ?? '/');

const UNITS: Readonly<Record<string, bigint>> = { '': 1n, k: 1n << 10n, m: 1n << 20n, g: 1n << 30n };

/** A number of bytes as people write it. */
export function lengthOf(text: string): bigint {
  const found = /^(0x[0-9a-f]+|\d+)([kmg]?)$/i.exec(text);
  if (!found) throw new UsageError(`mem: ${JSON.stringify(text)} is no length: write 64, 0x40 or 4K`);
  return BigInt(found[1]!) * UNITS[found[2]!.toLowerCase()]!;
}

/** A number of an option. */
export function countOf(args: ParsedArguments, name: string, usual: number): number {
  const text = value(args, name);
  if (text === undefined) return usual;
  if (!/^\d{1,4}$/.test(text)) throw new UsageError(`mem: --${name} takes a number from 0 to 9999`);
  return Number(text);
}

/**
 * The ranges that PLACE [LENGTH] mean; all that is mapped when there is none.
 * @param usual the length of a place that has none of its own; undefined: it must be told
 */
export function rangesOf(
  space: AddressSpace,
  [where, length, ...more]: readonly string[],
  usual?: bigint,
): readonly MemoryRange[] {
  if (more.length > 0) throw new UsageError(`mem: one argument too many: ${JSON.stringify(more[0])}`);
  if (where === undefined) return [{ start: space.mappings[0]?.start ?? 0n, end: space.mappings.at(-1)?.end ?? 0n }];
  const place = findPlace(space, where);
  const first = 'start' in place ? place : place[0]!;
  if (length !== undefined) return [{ start: first.start, end: first.start + lengthOf(length) }];
  if (!('start' in place)) return place;
  if (usual === undefined) throw new UsageError(`mem: how many bytes from ${where} on? write: ${where} LENGTH`);
  return [{ start: place.start, end: place.start + usual }];
}

export const hexAddress = (address: bigint): string => address.toString(16).padStart(12, '0');

/** How a place in memory is told: the mapping's name and how far into it. */
export function whereIn(space: AddressSpace, address: bigint): string {
  const mapping = space.mappingAt(address);
  if (!mapping) return '';
  const name = mapping.name === '' ? 'anonymous' : mapping.name;
  return `${name}+0x${(address - mapping.start).toString(16)}`;
}
