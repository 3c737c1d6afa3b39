import type { ImageDir } from '../encode/image-dir.js';
import { taskMemory, type TaskVma } from '../inspect/memory.js';
import { FLAG_MAPS } from '../image/display.js';
import { namesOf } from '../image/flag-names.js';
import { oneLine, safeText } from './safe-text.js';
import { drawTable } from './table.js';
import type { View } from './view.js';

const address = (value: bigint): string => value.toString(16).padStart(8, '0');

function what(vma: TaskVma): string {
  switch (vma.kind) {
    case 'sysvipc':
      return `ips[${(vma.object ?? 0).toString(16)}]`;
    case 'shmem':
      return `shmem[${(vma.object ?? 0).toString(16)}]`;
    case 'packet':
      return `packet[${(vma.object ?? 0).toString(16)}]`;
    case 'file':
      return `${vma.path ?? ''}${vma.pgoff === 0n ? '' : ` + 0x${vma.pgoff.toString(16)}`}${vma.shared ? ' (s)' : ''}`;
    case 'stack':
      return '[stack]';
    case 'vsyscall':
      return '[vsyscall]';
    case 'vdso':
      return '[vdso]';
    case 'growsdown':
      return '[stack?]';
    case 'anon':
      return '';
  }
}

/** `crit x DIR mems` */
export function viewMems(images: ImageDir): View {
  const tasks = taskMemory(images);
  return {
    get data() {
      const names = (status: number) => namesOf(status, FLAG_MAPS['mmap.status'] ?? []);
      return tasks.map((task) => ({
        ...task,
        vmas: task.vmas.map((vma) => ({ ...vma, pgoff: Number(vma.pgoff), status: names(vma.status) })),
      }));
    },
    *plain() {
      for (const { pid, exe, vmas } of tasks) {
        yield `${pid}\n`;
        if (exe !== undefined) yield `\t${'exe'.padEnd(36)}    ${oneLine(exe)}\n`;
        for (const vma of vmas) {
          const name = oneLine(what(vma));
          const range = `${address(vma.start)}-${address(vma.end)}`;
          yield `\t${range.padEnd(36)}${vma.prot}${name === '' ? '' : ` ${name}`}${vma.regular ? '' : ' *'}\n`;
        }
      }
    },
    terminal: () => {
      function* rows(): Generator<string[]> {
        for (const { pid, exe, vmas } of tasks) {
          const id = String(pid);
          if (exe !== undefined) yield [id, 'exe', '', '', safeText(exe)];
          for (const vma of vmas) {
            const kib = String((vma.end - vma.start) / 1024n);
            const range = `${address(vma.start)}-${address(vma.end)}`;
            yield [id, range, kib, vma.prot, safeText(`${what(vma)}${vma.regular ? '' : ' *'}`)];
          }
        }
      }
      return drawTable({
        head: ['PID', 'RANGE', 'KiB', 'PROT', 'WHAT'],
        rows,
        right: [0, 2],
        paint: (chalk, cell, column) => {
          if (column === 0) return chalk.cyan(cell);
          if (column === 3 && cell.includes('w') && cell.includes('x')) return chalk.red(cell);
          return column === 1 ? chalk.dim(cell) : cell;
        },
      });
    },
  };
}
