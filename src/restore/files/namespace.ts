import { imageFileName } from '../../image/catalogue.js';
import { CritError } from '../../image/errors.js';
import { NAMESPACES } from '../../image/namespaces.js';
import { NAMESPACE_FLAGS } from '../../kernel/proc/namespaces.js';
import { AT_FDCWD } from '../../kernel/uapi/open-flags.js';
import { group, type GroupMaker } from './group.js';
import { openFlags, place } from './place.js';

const KINDS = Object.keys(NAMESPACES) as (keyof typeof NAMESPACES)[];

/** Files of /proc/PID/ns: of the namespaces that the root is in, which all of the tree is. */
export const namespace: GroupMaker<'nsf'> = (files, entries) => {
  const opened = entries.map(({ id, nsf: { ns_cflag, ns_id, flags } }) => {
    const where = `${imageFileName('FILES')}: file ${id}: nsf`;
    const kind = KINDS.find((one) => NAMESPACE_FLAGS[one] === ns_cflag);
    if (kind === undefined)
      throw new CritError(`${where}.ns_cflag: 0x${ns_cflag.toString(16)} is no kind of namespace`, {
        code: 'BAD_IMAGE',
      });
    const { field, name } = NAMESPACES[kind];
    if (files.ctx.root.ids?.[field] !== ns_id)
      files.ctx.refuse(
        new CritError(`${where}: a ${name} namespace that the tree is not in (${ns_id}) is not supported yet`, {
          code: 'UNSUPPORTED',
        }),
      );
    return { kind, flags, slot: files.slot(id) };
  });
  return group('namespaces', {
    open: ({ b }) => {
      for (const { kind, flags, slot } of opened) {
        using _doing = b.doing(`opening the ${NAMESPACES[kind].name} namespace`);
        place(b, b.call('openat', AT_FDCWD, `/proc/self/ns/${kind}`, openFlags(flags), 0), slot);
      }
    },
  });
};
