import { imageFileName } from '../../image/catalogue.js';
import { FdTypes } from '../../image/generated/messages.js';
import { checkFileId } from './descriptors.js';
import { DUMP_AGAIN, type Rule } from './finding.js';

/** Terminals. */
export const terminalRules: readonly Rule[] = [
  {
    code: 'V_TTY',
    severity: 'error',
    checks: 'an open terminal is told in tty-info.img, and has the file with its path',
    todo: DUMP_AGAIN,
    walk: (set, report) => {
      for (const { message, image, entry, file } of set.of('tty')) {
        const infos = set.need('TTY_INFO', undefined, `file ${file.id} is a terminal`);
        if (infos && !infos.some(({ id }) => id === message.tty_info_id))
          report(
            { image, entry, field: 'tty.tty_info_id' },
            `no terminal of ${imageFileName('TTY_INFO')} has the id ${message.tty_info_id}`,
          );
        if (message.regf_id !== undefined)
          checkFileId(set, report, { image, entry, field: 'tty.regf_id' }, message.regf_id, FdTypes.REG);
      }
    },
  },
  {
    code: 'V_TTY_INFO',
    severity: 'error',
    checks: 'each terminal is told once, and is one that is open',
    todo: DUMP_AGAIN,
    walk: (set, report) => {
      const image = imageFileName('TTY_INFO');
      const open = new Set<number>();
      for (const { message } of set.of('tty')) open.add(message.tty_info_id);
      const seen = new Set<number>();
      for (const [entry, { id }] of (set.keep('TTY_INFO') ?? []).entries()) {
        if (seen.has(id)) report({ image, entry, field: 'id' }, `${id} is there twice`);
        else if (set.byId && !open.has(id)) report({ image, entry, field: 'id' }, `no open file is of terminal ${id}`);
        seen.add(id);
      }
      const data = imageFileName('TTY_DATA');
      for (const [entry, { tty_id }] of (set.keep('TTY_DATA') ?? []).entries())
        if (!set.lost('TTY_INFO') && !seen.has(tty_id))
          report({ image: data, entry, field: 'tty_id' }, `no terminal of ${image} has the id ${tty_id}`);
    },
  },
];
