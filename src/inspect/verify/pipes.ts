import { imageFileName } from '../../image/catalogue.js';
import { FdTypes } from '../../image/generated/messages.js';
import type { CheckedSet } from './checked-set.js';
import { checkFileId } from './descriptors.js';
import { DUMP_AGAIN, type Report, type Rule } from './finding.js';

function checkData(set: CheckedSet, report: Report, type: 'PIPES_DATA' | 'FIFO_DATA', field: 'pipe' | 'fifo'): void {
  const image = imageFileName(type);
  const known = new Set<number>();
  for (const { message } of set.of(field)) known.add(message.pipe_id);
  const seen = new Set<number>();
  for (const [entry, { pipe_id, bytes, size, packets }] of (set.keep(type) ?? []).entries()) {
    if (set.byId && !known.has(pipe_id))
      report({ image, entry, field: 'pipe_id' }, `no ${field} of ${imageFileName('FILES')} has the id ${pipe_id}`);
    if (seen.has(pipe_id)) report({ image, entry, field: 'pipe_id' }, `${pipe_id} is there twice`);
    seen.add(pipe_id);
    if (size !== undefined && bytes > size)
      report({ image, entry, field: 'bytes' }, `${bytes} bytes do not go into a pipe of ${size}`);
    const sum = packets?.reduce((a, b) => a + b, 0) ?? 0;
    if (packets?.length && sum !== bytes)
      report({ image, entry, field: 'packets' }, `the packets have ${sum} bytes, the data ${bytes}`);
  }
}

/** Pipes and FIFOs. */
export const pipeRules: readonly Rule[] = [
  {
    code: 'V_PIPE_DATA',
    severity: 'error',
    checks: 'the data of a pipe belongs to one of files.img, and fits into it',
    todo: DUMP_AGAIN,
    walk: (set, report) => {
      checkData(set, report, 'PIPES_DATA', 'pipe');
      checkData(set, report, 'FIFO_DATA', 'fifo');
    },
  },
  {
    code: 'V_FIFO_FILE',
    severity: 'error',
    checks: 'a FIFO has the file with its path',
    todo: DUMP_AGAIN,
    walk: (set, report) => {
      for (const { message, image, entry } of set.of('fifo'))
        if (message.regf_id !== undefined)
          checkFileId(set, report, { image, entry, field: 'fifo.regf_id' }, message.regf_id, FdTypes.REG);
    },
  },
];
