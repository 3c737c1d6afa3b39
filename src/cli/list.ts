import { existsSync } from 'node:fs';
import { findCheckpoints } from '../inspect/find-checkpoints.js';
import { flag, type Command } from './command.js';
import { warnAll } from './inspect.js';
import { jsonView } from './json-view.js';
import { safeText } from './safe-text.js';
import { openSink } from './sink.js';
import { drawTable } from './table.js';
import { UsageError } from './usage-error.js';
import { sizeWords } from './words.js';

/** Where the kubelet keeps the checkpoints of containers (Kubernetes, ContainerCheckpoint). */
const KUBELET = '/var/lib/kubelet/checkpoints';

export const list: Command = {
  name: 'list',
  describe: 'list the checkpoints in and below directories',
  positionals: [
    {
      name: 'dir',
      describe: `where to look; without one, ${KUBELET}, where the kubelet keeps them`,
      optional: true,
      many: true,
    },
  ],
  options: [{ name: 'json', type: 'boolean', describe: 'print JSON' }],
  examples: [
    ['list', 'the checkpoints of this Kubernetes node'],
    ['list /var/tmp ~/dumps', 'those in two places'],
  ],
  run: async (args) => {
    const problems: string[] = [];
    if (args.words.length === 0 && !existsSync(KUBELET))
      throw new UsageError(`list: there is no ${KUBELET} here: name a directory to look into`);
    const from = args.words.length > 0 ? args.words : [KUBELET];
    const found = from.flatMap((dir) => [...findCheckpoints(dir, (line) => problems.push(line))]);
    const sink = openSink(undefined);
    if (flag(args, 'json')) sink.write(jsonView(found));
    else if (found.length > 0)
      for await (const piece of drawTable({
        head: ['DUMPED', 'ENGINE', 'PROCESSES', 'SIZE', 'NAME', 'COMMAND', 'PATH'],
        right: [2, 3],
        rows: found.map((one) => [
          one.at.replace(/\.\d+/, ''),
          one.engine,
          String(one.processes),
          sizeWords(one.sizeBytes),
          safeText(one.name ?? ''),
          safeText(one.command ?? ''),
          safeText(`${one.path}${one.problems > 0 ? ' (damaged)' : ''}`),
        ]),
        paint: (chalk, cell, column) => (column === 6 ? chalk.cyan(cell) : cell),
      }))
        sink.write(piece);
    sink.commit();
    warnAll(problems);
    return 0;
  },
};
