import type { Overview } from '../../inspect/overview/overview.js';
import { byLine, table, type Section } from './section.js';

export const files = byLine(
  'FILES',
  function* ({ files, cwd, root, exe }) {
    if (exe !== undefined) yield ['exe', '', '', '', '', exe];
    if (cwd !== undefined) yield ['cwd', '', '', '', '', cwd];
    if (root !== undefined) yield ['root', '', '', '', '', root];
    for (const { fd, file, id, isCloexec } of files ?? []) {
      const flags = [...(file?.flags ?? []), ...(isCloexec ? ['FD_CLOEXEC'] : [])].filter(
        (flag) => flag !== 'O_LARGEFILE',
      );
      const what = file?.what ?? `open file ${id}, which is not in the images`;
      yield [
        fd,
        file?.access,
        file?.pos || '',
        file?.mode,
        flags.join(' '),
        `${what}${file?.isExternal ? ' (external)' : ''}`,
      ];
    }
  },
  ['FD', 'ACCESS', 'POSITION', 'MODE', 'FLAGS', 'FILE'],
  [0, 2],
);

export const sockets = ({ sockets = [] }: Overview): Section[] =>
  table(
    'SOCKETS',
    ['ID', 'FAMILY', 'TYPE', 'PROTO', 'STATE', 'QUEUED', 'LOCAL', 'PEER', 'OWNERS'],
    [0],
    sockets.map((one) => [
      one.id,
      one.family,
      one.type,
      one.protocol,
      one.state,
      one.queued_in + one.queued_out > 0 ? `${one.queued_in}/${one.queued_out}` : '',
      one.local,
      one.peer,
      one.owners.map(({ pid, fd }) => `${pid}:${fd}`).join(' '),
    ]),
  );

export const terminals = ({ terminals = [] }: Overview): Section[] =>
  table(
    'TERMINALS',
    ['ID', 'KIND', 'NAME', 'SESSION', 'FOREGROUND', 'SIZE', 'UNREAD', 'SETTINGS'],
    [0, 3, 4, 6],
    terminals.map((one) => [
      one.id,
      one.kind,
      one.name,
      one.session || '',
      one.foreground || '',
      one.rows === undefined ? '' : `${one.columns}x${one.rows}`,
      one.unreadBytes || '',
      one.settings.join(' '),
    ]),
  );
