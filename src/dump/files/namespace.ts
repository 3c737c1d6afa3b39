import { FdTypes } from '../../image/generated/messages.js';
import { NAMESPACES, OWN_KINDS, type OwnKind } from '../../image/namespaces.js';
import { NAMESPACE_FLAGS, namespaceInode, readNamespace } from '../../kernel/proc/namespaces.js';
import { isInOwn } from '../namespaces.js';
import type { FileKind } from './kind.js';
import { unsupported } from './unsupported.js';

/** What the link of a file of /proc/PID/ns begins with. */
function kindOf(link: string): keyof typeof NAMESPACES | undefined {
  const kind = namespaceInode(link) === undefined ? '' : link.slice(0, link.indexOf(':'));
  return Object.hasOwn(NAMESPACES, kind) ? (kind as keyof typeof NAMESPACES) : undefined;
}

/** Files of /proc/PID/ns (namespaces(7)): of the namespaces that the tree is in, which all of it is. */
export const namespace: FileKind = {
  type: FdTypes.NS,
  matches: ({ link }) => kindOf(link) !== undefined,
  make: () => (file) => {
    const kind = kindOf(file.link)!;
    const { host, own, name } = NAMESPACES[kind];
    const { pid } = file.task;
    if (readNamespace(pid, kind) !== namespaceInode(file.link))
      throw unsupported(file, `a ${name} namespace that the tree is not in`);
    const ns_id = OWN_KINDS.has(kind) && isInOwn(pid, kind as OwnKind) ? own : host;
    return { nsf: { id: file.id, ns_id, ns_cflag: NAMESPACE_FLAGS[kind], flags: file.info.flags } };
  },
};
