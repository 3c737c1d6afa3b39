import type { ImageDir } from '../encode/image-dir.js';
import { sockets } from '../inspect/sockets.js';
import { oneLine, safeText } from './safe-text.js';
import { drawTable } from './table.js';
import type { View } from './view.js';

const HEAD = ['ID', 'INO', 'FAMILY', 'TYPE', 'PROTO', 'STATE', 'QUEUED', 'LOCAL', 'PEER', 'OWNERS'];

/** `crit x DIR sk` */
export function viewSk(images: ImageDir): View {
  const list = sockets(images);
  const rows = list.map((socket) => [
    String(socket.id),
    socket.ino === undefined ? '' : String(socket.ino),
    socket.family,
    socket.type,
    socket.protocol,
    socket.state,
    `${socket.queued_in}/${socket.queued_out}`,
    socket.local,
    socket.peer,
    socket.owners.map(({ pid, fd }) => `${pid}:${fd}`).join(','),
  ]);
  return {
    data: list,
    *plain() {
      const all = [HEAD, ...rows.map((row) => row.map((cell) => (cell === '' ? '-' : oneLine(cell))))];
      const widths = HEAD.map((_, column) => all.reduce((width, row) => Math.max(width, row[column]?.length ?? 0), 0));
      for (const row of all) {
        const line = row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ');
        yield `${line.trimEnd()}\n`;
      }
    },
    terminal: () =>
      drawTable({
        head: HEAD,
        rows: rows.map((row) => row.map(safeText)),
        right: [0, 1, 6],
        paint: (chalk, cell, column) => {
          if (column === 0) return chalk.cyan(cell);
          return column === 5 && cell === 'LISTEN' ? chalk.green(cell) : cell;
        },
      }),
  };
}
