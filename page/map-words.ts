import { addressWords, sizeWords } from '../src/cli/words.js';
import { PAGE_SIZE } from '../src/image/vma-status.js';
import type { MappingData } from './data.js';
import type { Box } from './map-layout.js';

/** What the colours stand for: several kinds share one. */
const GROUPS: Readonly<Record<string, string>> = {
  heap: 'heap',
  stack: 'stack',
  anonymous: 'anon',
  file: 'file',
  'shared file': 'shared',
  'shared memory': 'shared',
  SysV: 'shared',
  memfd: 'shared',
};
export const groupOf = (kind: string): string => GROUPS[kind] ?? 'other';
export const GROUP_NAMES: readonly (readonly [group: string, name: string])[] = [
  ['heap', 'heap'],
  ['stack', 'stack'],
  ['anon', 'anonymous'],
  ['file', 'private file'],
  ['shared', 'shared memory, shared file'],
  ['other', 'made by the kernel, other'],
];

const STATES: Readonly<Record<string, string>> = {
  i: 'bytes in this set',
  p: 'bytes in a set before this one',
  z: 'never written (zeros)',
  f: 'as in the mapped file',
  e: 'behind the end of its file',
  k: 'made by the kernel',
  g: 'guard pages',
  l: 'left with a page server',
  x: 'missing from the images',
  m: 'several kinds',
};

export const mappingName = ({ name, kind }: MappingData): string => name ?? `[${kind}]`;

export function tipOf({ mapping, kind, start, bytes, stored }: Box): readonly string[] {
  const range = (from: bigint, size: number) => `${addressWords(from)}-${addressWords(from + BigInt(size))}`;
  if (!mapping) return ['Nothing is mapped here', range(start, bytes), sizeWords(bytes)];
  const share = kind === 'm' ? `, ${Math.round(stored * 100)} % of it in images` : '';
  return [
    mappingName(mapping),
    `${range(BigInt(mapping.start), mapping.pages * PAGE_SIZE)}  ${mapping.prot}${mapping.marks ? `  ${mapping.marks.join(', ')}` : ''}`,
    `${mapping.kind}, ${sizeWords(mapping.pages * PAGE_SIZE)} in all`,
    `here: ${sizeWords(bytes)} at ${addressWords(start)}: ${STATES[kind] ?? kind}${share}`,
  ];
}

/** How a box is filled: the colour says what it is to the process, its strength whether its bytes are in the images. */
export function fillOf({ mapping, kind, stored }: Box): string {
  if (!mapping) return 'hole';
  if (kind === 'x') return 'lost';
  const strength = kind === 'i' ? '4' : kind === 'p' ? 'p' : kind === 'm' ? String(Math.ceil(stored * 4)) : '0';
  return `${groupOf(mapping.kind)} s${strength}`;
}
