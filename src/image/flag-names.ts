import type { FlagMap } from './display.js';

/** The names of the bits of a number; what is left without one as hex. */
export function namesOf(value: number, map: FlagMap): string[] {
  const names: string[] = [];
  let left = value >>> 0;
  for (const [name, bits] of map) {
    if ((left & bits) === 0) continue;
    names.push(name);
    left = (left & ~bits) >>> 0;
  }
  if (left !== 0) names.push(`0x${left.toString(16)}`);
  return names;
}
