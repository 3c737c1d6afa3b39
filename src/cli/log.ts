import { PAGE_SIZE } from '../image/vma-status.js';
import { chainLog, type ChainLog } from '../inspect/chain-log.js';
import { flag, type Command } from './command.js';
import { warnAll } from './inspect.js';
import { jsonView } from './json-view.js';
import { openSource } from './open-image-dir.js';
import { safeText } from './safe-text.js';
import { openSink } from './sink.js';
import { drawTable } from './table.js';
import { sizeWords, timeWords } from './words.js';

async function* pieces({ steps, chainBytes, flatBytes }: ChainLog): AsyncGenerator<string> {
  yield* drawTable({
    head: ['SET', 'DUMPED', 'AFTER', 'WRITTEN', 'IN PARENT', 'DIRTIED', 'FROZEN', 'PATH'],
    right: [0, 2, 3, 4, 5, 6],
    rows: steps.map((step, i) => [
      String(i + 1),
      step.dumpedAt?.replace(/\.\d+/, '') ?? '',
      step.sinceSec === undefined ? '' : timeWords(step.sinceSec),
      sizeWords(step.writtenBytes),
      sizeWords(step.inParentBytes),
      step.dirtyBytesPerSec === undefined ? '' : `${sizeWords(step.dirtyBytesPerSec)}/s`,
      step.frozenSec === undefined ? '' : timeWords(step.frozenSec),
      safeText(step.path),
    ]),
  });
  yield '\n';
  yield* drawTable({
    head: ['SET', 'PID', 'WRITTEN', 'PAGES', 'IN PARENT', 'COMMAND'],
    right: [0, 1, 2, 3, 4],
    rows: steps.flatMap(({ processes, shared }, i) =>
      [
        ...processes.map((one) => ({ ...one, who: String(one.pid), what: one.comm ?? '' })),
        { ...shared, who: '', what: 'shared memory' },
      ]
        .filter(({ who, writtenBytes, inParentBytes }) => who !== '' || writtenBytes + inParentBytes > 0)
        .map(({ who, what, writtenBytes, inParentBytes }) => [
          String(i + 1),
          who,
          sizeWords(writtenBytes),
          String(writtenBytes / PAGE_SIZE),
          sizeWords(inParentBytes),
          safeText(what),
        ]),
    ),
  });
  if (steps.length > 1)
    yield `\ncrit flatten makes one set of ${sizeWords(flatBytes)} of pages of these ${steps.length}, which have ${sizeWords(chainBytes)}\n`;
}

export const log: Command = {
  name: 'log',
  describe: 'what each set of an incremental chain wrote, and how fast memory changed',
  positionals: [{ name: 'src', describe: 'the last set of the chain, or an archive that holds it' }],
  options: [{ name: 'json', type: 'boolean', describe: 'print JSON, with sizes in bytes and times in seconds' }],
  examples: [['log ckpt/3/', 'the pre-dumps before a dump, and how much each was worth']],
  run: async (args) => {
    const found = chainLog(openSource(args.positionals['src'] ?? '.'));
    const sink = openSink(undefined);
    if (flag(args, 'json')) sink.write(jsonView(found));
    else for await (const piece of pieces(found)) sink.write(piece);
    sink.commit();
    warnAll(found.problems);
    return 0;
  },
};
