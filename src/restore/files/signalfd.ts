import { group, type GroupMaker } from './group.js';
import { place, setFlags } from './place.js';

/** signalfd(2) */
export const signalfd: GroupMaker<'sgfd'> = (files, entries) => {
  for (const { id } of entries) files.slot(id);
  return group('signalfds', {
    open: ({ b }) => {
      for (const { id, sgfd } of entries) {
        const slot = files.slot(id);
        const mask = new Uint8Array(BigUint64Array.of(sgfd.sigmask).buffer);
        place(b, b.call('signalfd4', -1, mask, 8, 0), slot);
        setFlags(b, slot, sgfd.flags);
      }
    },
  });
};
