import type { ImageSet } from '../inspect/image-set.js';
import { taskRss } from '../inspect/rss.js';
import { safeText } from './safe-text.js';
import { drawTable } from './table.js';
import type { View } from './view.js';

const PAGEMAP_FLAGS: readonly (readonly [number, string])[] = [
  [1, 'parent'],
  [2, 'lazy'],
  [4, 'present'],
];

/** `crit x DIR rss` */
export async function viewRss(images: ImageSet): Promise<View> {
  const tasks = await taskRss(images);
  return {
    data: tasks,
    plain: () => {
      const lines: string[] = [];
      for (const { pid, ranges } of tasks) {
        lines.push(String(pid));
        for (const { vaddr, pages, vmas } of ranges) {
          let line = `\t${vaddr.toString(16)} / ${String(pages).padEnd(8)}`.padEnd(24);
          for (const vma of vmas) {
            if (vma.again) line += ' ~';
            else {
              line += ` ${vma.start.toString(16).padStart(8, '0')} / ${String(vma.pages).padEnd(8)}`;
              if (vma.path !== undefined) line += ` ${vma.path}`;
            }
            line += `\n\t${' '.repeat(23)}`;
          }
          lines.push(line);
        }
      }
      return lines.map((line) => `${line}\n`).join('');
    },
    terminal: async () => {
      const rows = tasks.flatMap(({ pid, ranges }) =>
        ranges.map(({ vaddr, pages, flags, vmas }) => [
          String(pid),
          vaddr.toString(16).padStart(8, '0'),
          String(pages),
          flags === undefined ? '' : PAGEMAP_FLAGS.flatMap(([bit, name]) => (flags & bit ? [name] : [])).join(' '),
          vmas
            .map((vma) => safeText(vma.path ?? (vma.again ? '~' : vma.start.toString(16).padStart(8, '0'))))
            .join(' '),
        ]),
      );
      const text = await drawTable({
        head: ['PID', 'ADDRESS', 'PAGES', 'FLAGS', 'MAPPING'],
        rows,
        right: [0, 1, 2],
        paint: (chalk, cell, column) => {
          if (column === 0) return chalk.cyan(cell);
          return column === 3 ? chalk.dim(cell) : cell;
        },
      });
      return `${text}\n`;
    },
  };
}
