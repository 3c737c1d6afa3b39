import type { ImageDir } from '../encode/image-dir.js';
import { taskRss, type PageRange } from '../inspect/rss.js';
import { namesOf } from '../image/flag-names.js';
import { oneLine, safeText } from './safe-text.js';
import { FLAG_MAPS } from '../image/display.js';
import { drawTable } from './table.js';
import type { View } from './view.js';

const flagNames = (flags: number): string[] => namesOf(flags, FLAG_MAPS['pmap.flags'] ?? []);
/** PE_PRESENT is present, to people. */
const flagWords = (flags: number): string =>
  flagNames(flags)
    .map((name) => name.replace(/^PE_/, '').toLowerCase())
    .join(' ');

/** One path or address each, however many mappings of a file lie side by side. */
function mappings(vmas: PageRange['vmas']): string {
  const texts = vmas.map((vma) => vma.path ?? (vma.again ? '~' : vma.start.toString(16).padStart(8, '0')));
  return safeText(texts.filter((text, i) => text !== texts[i - 1]).join(' '));
}

/** `crit x DIR rss` */
export function viewRss(images: ImageDir): View {
  const tasks = taskRss(images);
  return {
    get data() {
      return tasks.map(({ pid, ranges }) => ({
        pid,
        ranges: ranges.map(({ vaddr, pages, flags, vmas }) => ({
          vaddr,
          pages: Number(pages),
          ...(flags !== undefined && { flags: flagNames(flags) }),
          vmas: vmas.map((vma) => ({ ...vma, pages: Number(vma.pages) })),
        })),
      }));
    },
    *plain() {
      for (const { pid, ranges } of tasks) {
        yield `${pid}\n`;
        for (const { vaddr, pages, vmas } of ranges) {
          let line = `\t${vaddr.toString(16)} / ${String(pages).padEnd(8)}`.padEnd(24);
          for (const vma of vmas) {
            if (vma.again) line += ' ~';
            else {
              line += ` ${vma.start.toString(16).padStart(8, '0')} / ${String(vma.pages).padEnd(8)}`;
              if (vma.path !== undefined) line += ` ${oneLine(vma.path)}`;
            }
            line += `\n\t${' '.repeat(23)}`;
          }
          yield `${line}\n`;
        }
      }
    },
    terminal: () => {
      const rows = tasks.flatMap(({ pid, ranges }) =>
        ranges.map(({ vaddr, pages, flags, vmas }) => [
          String(pid),
          vaddr.toString(16).padStart(8, '0'),
          String(pages),
          flags === undefined ? '' : flagWords(flags),
          mappings(vmas),
        ]),
      );
      return drawTable({
        head: ['PID', 'ADDRESS', 'PAGES', 'FLAGS', 'MAPPING'],
        rows,
        right: [0, 1, 2],
        paint: (chalk, cell, column) => {
          if (column === 0) return chalk.cyan(cell);
          return column === 3 ? chalk.dim(cell) : cell;
        },
      });
    },
  };
}
