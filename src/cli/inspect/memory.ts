import type { Overview } from '../../inspect/overview/overview.js';
import { addressWords, sizeWords } from '../words.js';
import { byLine, type Section, table } from './section.js';

export function memory({ processes }: Overview): Section[] {
  const sizes = (sum: { sizeBytes: number; inImagesBytes: number; inParentBytes: number }) => [
    sizeWords(sum.sizeBytes),
    sizeWords(sum.inImagesBytes),
    sum.inParentBytes > 0 ? sizeWords(sum.inParentBytes) : '',
  ];
  return table(
    'MEMORY',
    ['PID', 'KIND', 'MAPPINGS', 'SIZE', 'IN IMAGES', 'IN PARENTS'],
    [0, 2, 3, 4, 5],
    processes.flatMap(({ pid, memory }) =>
      memory && memory.kinds.length > 0
        ? [
            ...memory.kinds.map((one) => [pid, one.kind, one.mappings, ...sizes(one)]),
            [pid, 'all', memory.kinds.reduce((sum, { mappings }) => sum + mappings, 0), ...sizes(memory)],
          ]
        : [],
    ),
  );
}

export const mappings = byLine(
  'MAPPINGS',
  ({ mappings }) =>
    (mappings ?? []).map((vma) => [
      `${addressWords(vma.start)}-${addressWords(vma.end)}`,
      vma.prot,
      sizeWords(Number(vma.end - vma.start)),
      vma.path ?? `[${vma.kind}${vma.object === undefined ? '' : ` ${vma.object}`}]`,
    ]),
  ['RANGE', 'PROT', 'SIZE', 'WHAT'],
  [2],
);
