import path from 'node:path';
import type { MemoryRun } from '../../inspect/address-space/memory-run.js';
import { flag } from '../command.js';
import { jsonText } from '../json-view.js';
import { oneLine, safeText } from '../safe-text.js';
import { openSink } from '../sink.js';
import { drawTable, onTerminal } from '../table.js';
import { hexAddress, rangesOf, type MemVerb } from './words.js';

function sourceText({ source }: MemoryRun): string {
  switch (source.kind) {
    case 'image': {
      const whose = source.depth === 0 ? '' : `parent${source.depth === 1 ? '' : ` ${source.depth}`} `;
      return `${whose}${path.basename(source.file)} + 0x${source.offset.toString(16)}`;
    }
    case 'file':
      return `${source.file} + 0x${source.offset.toString(16)}`;
    case 'zero':
      return 'zeros';
    case 'none':
      return `not here: ${source.reason}`;
  }
}

/** `crit mem SRC PID map [PLACE]`: a line for each run of pages. */
export const memMap: MemVerb = async (space, words, args) => {
  const ranges = rangesOf(space, words, 1n);
  const runs = function* (): Generator<MemoryRun> {
    for (const { start, end } of ranges) for (const run of space.runs(start, end)) if (run.mapping) yield run;
  };
  const kib = ({ start, end }: MemoryRun) => String((end - start) >> 10n);
  const sink = openSink(undefined);
  if (flag(args, 'json')) {
    for (const { start, end, mapping, source } of runs())
      sink.write(`${jsonText({ start, end, name: mapping!.name, prot: mapping!.prot, ...source })}\n`);
  } else if (await onTerminal()) {
    const rows = function* (): Generator<string[]> {
      for (const run of runs()) {
        const { start, end, mapping } = run;
        const range = `${hexAddress(start)}-${hexAddress(end)}`;
        yield [range, kib(run), mapping!.prot, safeText(mapping!.name), safeText(sourceText(run))];
      }
    };
    const head = ['RANGE', 'KiB', 'PROT', 'NAME', 'BYTES'];
    for await (const piece of drawTable({
      head,
      rows,
      right: [1],
      paint: (chalk, cell, i) => (i === 4 ? chalk.dim(cell) : cell),
    }))
      // prettier-ignore
      sink.write(piece);
  } else {
    for (const run of runs()) {
      const { start, end, mapping } = run;
      const what = `${mapping!.prot} ${kib(run).padStart(9)} ${oneLine(mapping!.name).padEnd(24)}`;
      sink.write(`${hexAddress(start)}-${hexAddress(end)} ${what} ${oneLine(sourceText(run))}\n`);
    }
  }
  sink.commit();
  return 0;
};
