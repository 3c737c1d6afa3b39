import path from 'node:path';
import { CritError } from '../../image/errors.js';
import type { AddressSpace } from './address-space.js';
import { ElfFile } from './elf-file.js';
import { environmentOf, type MemoryRange } from './environment.js';
import type { Mapping } from './memory-run.js';

/** Where something is in memory: an address, of which nobody knows how far it goes, or ranges in order. */
export type MemoryPlace = { readonly start: bigint; readonly end: undefined } | readonly MemoryRange[];

const noPlace = (text: string, why: string): CritError => new CritError(`${text}: ${why}`, { code: 'NO_PLACE' });
const HEX = '(?:0x)?([0-9a-f]+)';
const ADDRESS = new RegExp(`^${HEX}$`, 'i');
const RANGE = new RegExp(`^${HEX}-${HEX}$`, 'i');
const OFFSET = /^(.+)\+(0x[0-9a-f]+|\d+)$/i;

/** Mappings by name: of a path, its last part is enough. */
const named = (space: AddressSpace, name: string): readonly Mapping[] =>
  space.mappings.filter((mapping) => mapping.name === name || path.posix.basename(mapping.name) === name);

/**
 * Finds what a text names: an address (`7ffd4c000`, with or without 0x), `START-END`, the name of a mapping (`[heap]`, a
 * path or its last part), `env:NAME` (its value), `env`, `args`, `sym:NAME` (a symbol of the program, else of a library),
 * `FILE:NAME` (of that file). `+OFFSET` behind one of them is added.
 * @throws CritError NO_PLACE
 */
export function findPlace(space: AddressSpace, text: string): MemoryPlace {
  const range = RANGE.exec(text);
  if (range) {
    const [start, end] = [BigInt(`0x${range[1]!}`), BigInt(`0x${range[2]!}`)];
    if (end <= start) throw noPlace(text, 'it ends before it begins');
    return [{ start, end }];
  }
  const mappings = named(space, text);
  if (mappings.length > 0) return mappings;
  const address = ADDRESS.exec(text);
  if (address) return { start: BigInt(`0x${address[1]!}`), end: undefined };
  const { mm } = space;
  if (text === 'env') return [{ start: mm.mm_env_start, end: mm.mm_env_end }];
  if (text === 'args') return [{ start: mm.mm_arg_start, end: mm.mm_arg_end }];
  const offset = OFFSET.exec(text);
  if (offset) {
    const place = findPlace(space, offset[1]!);
    return { start: ('start' in place ? place.start : place[0]!.start) + BigInt(offset[2]!), end: undefined };
  }
  const colon = text.indexOf(':');
  if (colon > 0) return [byName(space, text, text.slice(0, colon), text.slice(colon + 1))];
  throw noPlace(text, 'there is no such mapping, and it is no address');
}

function byName(space: AddressSpace, text: string, kind: string, name: string): MemoryRange {
  if (kind === 'env') {
    const found = environmentOf(space).find((entry) => entry.text.startsWith(`${name}=`));
    if (!found)
      throw noPlace(text, 'the process was started without this variable, or its memory is not in the images');
    return { start: found.start + BigInt(Buffer.byteLength(name)) + 1n, end: found.end };
  }
  const files = kind === 'sym' ? withProgramFirst(space) : named(space, kind);
  if (files.length === 0 && kind !== 'sym') throw noPlace(text, `no file ${kind} is mapped`);
  const tried = new Set<string>();
  const missing: string[] = [];
  for (const mapping of files) {
    if (mapping.kind !== 'file' || tried.has(mapping.name)) continue;
    tried.add(mapping.name);
    const file = space.fileOf(mapping);
    const elf = file && ElfFile.of(file);
    if (!elf) missing.push(mapping.name);
    const symbol = elf?.symbol(name);
    const bias = elf?.bias(mapping);
    if (symbol && bias !== undefined) {
      const start = bias + symbol.value;
      return { start, end: start + BigInt(symbol.sizeBytes || 8) };
    }
  }
  const some = missing.length === 0 ? '' : ` (${missing.join(', ')} cannot be looked into on this machine)`;
  throw noPlace(text, `no mapped file has this symbol${some}`);
}

/** The mappings of files, those of the program before libraries. */
const withProgramFirst = (space: AddressSpace): Mapping[] => {
  const isProgram = ({ name }: Mapping) => name === space.programPath;
  const files = space.mappings.filter(({ kind }) => kind === 'file');
  return [...files.filter(isProgram), ...files.filter((mapping) => !isProgram(mapping))];
};
