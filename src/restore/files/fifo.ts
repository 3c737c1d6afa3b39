import { imageFileName } from '../../image/catalogue.js';
import { O_NONBLOCK, O_RDWR } from '../../kernel/uapi/open-flags.js';
import { group, type GroupMaker } from './group.js';
import { fillPipe, readPipeContents } from './pipe-data.js';
import { openFlags, place } from './place.js';

/** fifo(7): opening one end waits for the other, so each FIFO is held open at both ends by a helper first. */
export const fifo: GroupMaker<'fifo'> = (files, entries) => {
  const contents = readPipeContents(files.images.dir, 'FIFO_DATA');
  const helpers = new Map<number, { slot: number; opened: boolean }>();
  for (const entry of entries) {
    const { pipe_id: pipeId, regf_id: regf = entry.id } = entry.fifo;
    const slot = files.slot(entry.id);
    const where = `${imageFileName('FILES')}: file ${entry.id}: fifo.regf_id`;
    const { flags } = files.images.regular(regf, where);
    const helper = helpers.get(pipeId) ?? { slot: files.reserve(), opened: false };
    helpers.set(pipeId, helper);
    files.names.add(regf, where, 'fifo', (b, open) => {
      if (!helper.opened) place(b, open(b, O_RDWR | O_NONBLOCK), helper.slot);
      helper.opened = true;
      place(b, open(b, openFlags(flags)), slot);
    });
  }
  return group('FIFOs', {
    fill: () => {
      for (const [pipeId, { slot }] of helpers) {
        const content = contents.get(pipeId);
        if (content) fillPipe(files.pathOf(slot), content);
      }
    },
  });
};
