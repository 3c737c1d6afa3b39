import { taskFiles } from '../inspect/files.js';
import type { ImageDir } from '../encode/image-dir.js';
import { oneLine, safeText } from './safe-text.js';
import { namesOf } from '../image/flag-names.js';
import { drawTable } from './table.js';
import type { View } from './view.js';

/** fcntl(2): F_GETFD */
const FD_FLAGS = [['FD_CLOEXEC', 1]] as const;

/** `crit x DIR fds` */
export function viewFds(images: ImageDir): View {
  const dangling: string[] = [];
  const tasks = taskFiles(images, (problem) => dangling.push(problem));
  const row = (name: string | number, file: string): string => `\t${String(name).padStart(7)}: ${oneLine(file)}\n`;
  return {
    get data() {
      const flagNames = (flags: number) => namesOf(flags, FD_FLAGS);
      return tasks.map((task) => ({ ...task, fds: task.fds.map((fd) => ({ ...fd, flags: flagNames(fd.flags) })) }));
    },
    warnings: dangling,
    *plain() {
      for (const { pid, fds, cwd, root } of tasks) {
        yield `${pid}\n`;
        for (const { fd, file } of fds) yield row(fd, file);
        if (cwd !== undefined) yield row('cwd', cwd);
        if (root !== undefined) yield row('root', root);
      }
    },
    terminal: () => {
      const rows = tasks.flatMap(({ pid, fds, cwd, root }) => [
        ...fds.map(({ fd, type, file, flags }) => [
          String(pid),
          String(fd),
          type,
          flags & 1 ? 'x' : '',
          safeText(file),
        ]),
        ...(cwd === undefined ? [] : [[String(pid), 'cwd', 'REG', '', safeText(cwd)]]),
        ...(root === undefined ? [] : [[String(pid), 'root', 'REG', '', safeText(root)]]),
      ]);
      return drawTable({
        head: ['PID', 'FD', 'TYPE', 'CLOEXEC', 'FILE'],
        rows,
        right: [0, 1],
        paint: (chalk, cell, column) => {
          if (column === 0) return chalk.cyan(cell);
          return column === 2 ? chalk.dim(cell) : cell;
        },
      });
    },
  };
}
