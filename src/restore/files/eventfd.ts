import { EFD_SEMAPHORE } from '../../kernel/uapi/open-flags.js';
import { group, type GroupMaker } from './group.js';
import { place, setFlags } from './place.js';

/** eventfd(2): the call takes 32 bits of the counter, so all of it is written. */
export const eventfd: GroupMaker<'efd'> = (files, entries) => {
  for (const { id } of entries) files.slot(id);
  return group('eventfds', {
    open: ({ b }) => {
      for (const { id, efd } of entries) {
        const slot = files.slot(id);
        place(b, b.call('eventfd2', 0, efd.semaphore ? EFD_SEMAPHORE : 0), slot);
        if (efd.counter) b.call('write', slot, new Uint8Array(BigUint64Array.of(efd.counter).buffer), 8);
        setFlags(b, slot, efd.flags);
      }
    },
  });
};
