import { taskFiles } from '../inspect/files.js';
import type { ImageSet } from '../inspect/image-set.js';
import { safeText } from './safe-text.js';
import { drawTable } from './table.js';
import type { View } from './view.js';

/** `crit x DIR fds` */
export async function viewFds(images: ImageSet): Promise<View> {
  const tasks = await taskFiles(images);
  return {
    data: tasks,
    plain: () => {
      let out = '';
      for (const { pid, fds, cwd, root } of tasks) {
        out += `${pid}\n`;
        for (const { fd, file } of fds) out += `\t${String(fd).padStart(7)}: ${file}\n`;
        if (cwd !== undefined) out += `\t${'cwd'.padStart(7)}: ${cwd}\n`;
        if (root !== undefined) out += `\t${'root'.padStart(7)}: ${root}\n`;
      }
      return out;
    },
    terminal: async () => {
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
      const text = await drawTable({
        head: ['PID', 'FD', 'TYPE', 'CLOEXEC', 'FILE'],
        rows,
        right: [0, 1],
        paint: (chalk, cell, column) => {
          if (column === 0) return chalk.cyan(cell);
          return column === 2 ? chalk.dim(cell) : cell;
        },
      });
      return `${text}\n`;
    },
  };
}
