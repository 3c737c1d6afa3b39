import type { ImageSet } from '../inspect/image-set.js';
import { taskTree, type TaskNode } from '../inspect/tree.js';
import { safeText } from './safe-text.js';
import { drawTable } from './table.js';
import type { View } from './view.js';

function* walk(tasks: readonly TaskNode[]): Generator<readonly [TaskNode, number]> {
  const stack = tasks.map((task): readonly [TaskNode, number] => [task, 0]).reverse();
  for (let next = stack.pop(); next; next = stack.pop()) {
    yield next;
    const depth = next[1] + 1;
    for (const child of [...next[0].children].reverse()) stack.push([child, depth]);
  }
}

/** `crit x DIR ps` */
export async function viewPs(images: ImageSet): Promise<View> {
  const tree = await taskTree(images);
  const pad = (value: number | string): string => String(value).padStart(7);
  return {
    data: tree,
    plain: () => {
      let out = `${pad('PID')}${pad('PGID')}${pad('SID')}   COMM\n`;
      for (const [task, depth] of walk(tree)) {
        out += `${pad(task.pid)}${pad(task.pgid)}${pad(task.sid)}   ${' '.repeat(4 * depth)}${task.comm ?? '?'}\n`;
      }
      return out;
    },
    terminal: async () => {
      const rows = [...walk(tree)].map(([task, depth]) => [
        String(task.pid),
        String(task.ppid),
        String(task.pgid),
        String(task.sid),
        String(task.threads.length),
        task.state ?? '?',
        `${'  '.repeat(depth)}${safeText(task.comm ?? '?')}`,
      ]);
      const text = await drawTable({
        head: ['PID', 'PPID', 'PGID', 'SID', 'THREADS', 'STATE', 'COMM'],
        rows,
        right: [0, 1, 2, 3, 4],
        paint: (chalk, cell, column) => {
          if (column === 0) return chalk.cyan(cell);
          if (column === 5 && cell !== 'alive') return chalk.yellow(cell);
          return column === 6 ? chalk.green(cell) : cell;
        },
      });
      return `${text}\n`;
    },
  };
}
