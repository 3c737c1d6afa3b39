import { imageFileName } from '../image/catalogue.js';
import { CritError } from '../image/errors.js';
import type { ImageDir } from '../encode/image-dir.js';
import { taskTree, type TaskNode } from '../inspect/tree.js';
import { oneLine, safeText } from './safe-text.js';
import { drawTable } from './table.js';
import type { View } from './view.js';

/** Deeper trees are not nested in JSON: programs that read it give up as well. */
const MAX_JSON_DEPTH = 500;
/** Generations that a terminal shows by indentation; a number stands for those above. */
const MAX_INDENT = 24;

function* walk(tasks: readonly TaskNode[]): Generator<readonly [TaskNode, number]> {
  const stack = tasks.map((task): readonly [TaskNode, number] => [task, 0]).reverse();
  for (let next = stack.pop(); next; next = stack.pop()) {
    yield next;
    const depth = next[1] + 1;
    const { children } = next[0];
    for (let i = children.length - 1; i >= 0; i--) stack.push([children[i]!, depth]);
  }
}

const indent = (depth: number): string =>
  depth <= MAX_INDENT ? '  '.repeat(depth) : `${'  '.repeat(MAX_INDENT)}(${depth}) `;

/** Tasks whose parent should be in the images and is not. */
function dangling(tree: readonly TaskNode[]): string[] {
  return tree
    .filter(({ pid, ppid }) => ppid !== 0 && ppid !== pid)
    .map(
      ({ pid, ppid }) =>
        `${imageFileName('PSTREE')}: task ${pid} cannot be shown below its parent ${ppid}: there is no such task, or they are each other's ancestors`,
    );
}

/** `crit x DIR ps` */
export function viewPs(images: ImageDir): View {
  const tree = taskTree(images);
  const pad = (value: number | string): string => String(value).padStart(7);
  return {
    get data() {
      for (const [{ pid }, depth] of walk(tree))
        if (depth > MAX_JSON_DEPTH)
          throw new CritError(`task ${pid} has more than ${MAX_JSON_DEPTH} ancestors: JSON is not nested that deep`, {
            code: 'UNSUPPORTED',
          });
      return tree;
    },
    warnings: dangling(tree),
    *plain() {
      yield `${pad('PID')}${pad('PGID')}${pad('SID')}   COMM\n`;
      for (const [task, depth] of walk(tree))
        yield `${pad(task.pid)}${pad(task.pgid)}${pad(task.sid)}   ${' '.repeat(4 * depth)}${oneLine(task.comm ?? '?')}\n`;
    },
    terminal: () => {
      function* rows(): Generator<string[]> {
        for (const [task, depth] of walk(tree))
          yield [
            String(task.pid),
            String(task.ppid),
            String(task.pgid),
            String(task.sid),
            String(task.threads.length),
            task.state ?? '?',
            `${indent(depth)}${safeText(task.comm ?? '?')}`,
          ];
      }
      return drawTable({
        head: ['PID', 'PPID', 'PGID', 'SID', 'THREADS', 'STATE', 'COMM'],
        rows,
        right: [0, 1, 2, 3, 4],
        paint: (chalk, cell, column) => {
          if (column === 0) return chalk.cyan(cell);
          if (column === 5 && cell !== 'alive') return chalk.yellow(cell);
          return column === 6 ? chalk.green(cell) : cell;
        },
      });
    },
  };
}
